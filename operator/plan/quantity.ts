/** Kubernetes writes amounts as "10Gi", "1.5G" or "500m". Undefined units are impossible: the API server checks them. */
const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** Bytes of a storage quantity; NaN where it is none, which compares as neither smaller nor larger. */
export function bytesOf(quantity: string): number {
  const match = /^(\d+(?:\.\d+)?)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/.exec(quantity);
  return match === null ? NaN : Number(match[1]) * UNITS[match[2] ?? ""]!;
}
