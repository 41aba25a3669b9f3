/**
 * What a function says of an object, worked out once and kept as long as the object is. The function must depend on
 * nothing but the object, and the object must not change.
 */
export function rememberedFor<Key extends WeakKey, Result extends object | string>(
  work: (key: Key) => Result,
): (key: Key) => Result {
  return remembered(work, () => true);
}

/** The same for objects that may change: only what is said of a frozen one is kept, which stays frozen. */
export function rememberedForFrozen<Key extends WeakKey, Result extends object | string>(
  work: (key: Key) => Result,
): (key: Key) => Result {
  return remembered(work, Object.isFrozen);
}

function remembered<Key extends WeakKey, Result extends object | string>(
  work: (key: Key) => Result,
  isKept: (key: Key) => boolean,
): (key: Key) => Result {
  const known = new WeakMap<Key, Result>();
  return (key) => {
    const earlier = known.get(key);
    if (earlier !== undefined) return earlier;
    const result = work(key);
    if (isKept(key)) known.set(key, result);
    return result;
  };
}
