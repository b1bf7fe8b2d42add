/** Of any order; the mean of the middle two where their number is even, NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  if (sorted.length % 2 === 1) return sorted[half]!;
  return sorted.length === 0 ? Number.NaN : (sorted[half - 1]! + sorted[half]!) / 2;
}
