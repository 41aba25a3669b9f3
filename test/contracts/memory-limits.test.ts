import { memoryLimitStore } from '../../src/gateway/memory-limits.ts';
import { limitStoreContract } from './limit-store.contract.ts';

limitStoreContract('memory', (clock, use) => use(memoryLimitStore(clock)));
