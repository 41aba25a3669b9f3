/** The Wilson score interval of a share, for 95 %. */
export function wilson(successes: number, attempts: number): { readonly low: number; readonly high: number } {
  if (attempts === 0) return { low: 0, high: 1 };
  const z = 1.959964;
  const share = successes / attempts;
  const denominator = 1 + z ** 2 / attempts;
  const centre = share + z ** 2 / (2 * attempts);
  const spread = z * Math.sqrt((share * (1 - share)) / attempts + z ** 2 / (4 * attempts ** 2));
  return {
    low: Math.max(0, (centre - spread) / denominator),
    high: Math.min(1, (centre + spread) / denominator),
  };
}
