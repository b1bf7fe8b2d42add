/** How a figure grows with the number of nodes, n. */
export interface Growth {
  readonly law: Law;
  /** What the law says for so many nodes. */
  readonly at: (nodes: number) => number;
}

export type Law = "1" | "log n" | "n" | "n²";

export interface Point {
  readonly nodes: number;
  readonly value: number;
}

const SHAPES: readonly (readonly [Law, (nodes: number) => number])[] = [
  ["1", () => 1],
  ["log n", Math.log2],
  ["n", (nodes) => nodes],
  ["n²", (nodes) => nodes * nodes],
];

/**
 * The law c + f(n)·k that is nearest to the points, by the sum of squares of the relative errors, c and k not negative. Of two that fit
 * about equally well the one that grows less: from a few points more cannot be told.
 */
export function growthOf(points: readonly Point[]): Growth {
  const fits = SHAPES.map(([law, shape]) => fitted(law, shape, points));
  const best = Math.min(...fits.map(({ error }) => error));
  const { law, at } = fits.find(({ error }) => error <= ABOUT_EQUAL * best + NOISE * points.length)!;
  return { law, at };
}

const ABOUT_EQUAL = 1.5;
/** Relative errors of 5 % are none. */
const NOISE = 0.05 ** 2;

function fitted(
  law: Law,
  shape: (nodes: number) => number,
  points: readonly Point[],
): Growth & { readonly error: number } {
  // Weighted least squares for value = c + k·shape, each equation divided by its value.
  let [ones, ofShape, squares, values, products] = [0, 0, 0, 0, 0];
  for (const { nodes, value } of points) {
    const weight = 1 / Math.max(value, Number.MIN_VALUE) ** 2;
    const x = shape(nodes);
    ones += weight;
    ofShape += weight * x;
    squares += weight * x * x;
    values += weight * value;
    products += weight * x * value;
  }
  const determinant = ones * squares - ofShape * ofShape;
  const isConstant = law === "1" || Math.abs(determinant) < 1e-12 * ones * squares;
  let k = isConstant ? 0 : (ones * products - ofShape * values) / determinant;
  let c = isConstant ? values / ones : (squares * values - ofShape * products) / determinant;
  if (k < 0) [k, c] = [0, values / ones];
  if (c < 0) [c, k] = [0, products / squares];
  const at = (nodes: number): number => c + k * shape(nodes);
  const error = points.reduce((sum, { nodes, value }) => sum + (at(nodes) / value - 1) ** 2, 0);
  return { law, at, error };
}
