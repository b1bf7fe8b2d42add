/**
 * Kubernetes writes amounts as "10Gi", "1.5G", "500m" or "1e3", and the same amount in other words than it was given: "1.4Gi" comes
 * back as "1503238553600m". Undefined units are impossible: the API server checks them.
 */
const BINARY = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
/** Powers of ten. */
const DECIMAL: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
/** Nothing larger is a quantity. */
const EXPONENT_MAX = 24;

/** Whole bytes of a storage quantity, rounded up as Kubernetes does; NaN where it is none, which compares as neither smaller nor larger. */
export function bytesOf(quantity: string): number {
  const match = /^\+?(\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d+)|([numkMGTPE]|[KMGTPE]i))?$/.exec(quantity);
  if (match === null) return NaN;
  const [, mantissa = "", power, unit = ""] = match;
  const [whole = "", fraction = ""] = mantissa.split(".");
  const binary = BINARY.indexOf(unit) + 1;
  const exponent = Number(power ?? DECIMAL[unit] ?? 0) - fraction.length;
  if (Math.abs(exponent) > EXPONENT_MAX + fraction.length) return NaN;
  const amount = BigInt(whole + fraction) << BigInt(10 * binary);
  if (exponent >= 0) return Number(amount * 10n ** BigInt(exponent));
  const divisor = 10n ** BigInt(-exponent);
  return Number((amount + divisor - 1n) / divisor);
}
