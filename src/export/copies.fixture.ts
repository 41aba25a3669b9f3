import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { S3Store } from './s3/s3-store.ts';
import { sha256, toBase64 } from '../kernel/bytes.ts';

/** An object store that is a folder: what comes out of a real one when it is copied. */
export function folderStore(folder: string): S3Store {
  const hashes = new Map<string, string>();
  return {
    async put(key, content) {
      if (hashes.has(key)) return;
      hashes.set(key, toBase64(sha256(content)));
      const path = join(folder, key);
      await mkdir(join(path, '..'), { recursive: true });
      await writeFile(path, content);
    },
    list: () => Promise.resolve([...hashes.keys()]),
    get: (key) => readFile(join(folder, key)),
    hashOf: async (key) => hashes.get(key) ?? null,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
