import { expect } from "chai";
import fc from "fast-check";
import { bytesOf } from "../../../../operator/plan/quantity.ts";

describe("operator: storage quantities", () => {
  it("are read in every form that Kubernetes takes", () => {
    const cases: [string, number][] = [
      ["0", 0],
      ["10Gi", 10 * 2 ** 30],
      ["+1Ki", 1024],
      ["1.5G", 1.5e9],
      [".5Mi", 2 ** 19],
      ["1.k", 1_000],
      ["1e3", 1_000],
      ["12E2", 1_200],
      ["2E", 2e18],
      ["5000e-3", 5],
      ["3000m", 3],
      ["7000000u", 7],
      ["9000000000n", 9],
    ];
    for (const [quantity, bytes] of cases) expect(bytesOf(quantity), quantity).to.equal(bytes);
  });

  it("are whole bytes, rounded up", () => {
    expect([bytesOf("1m"), bytesOf("1503238553600m"), bytesOf("1.4Gi")]).to.deep.equal([
      1, 1_503_238_554, 1_503_238_554,
    ]);
  });

  it("are equal whenever Kubernetes writes the same amount in thousandths", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 99_999 }), (hundredths) => {
        const thousandths = BigInt(hundredths) * 10n * 2n ** 30n;
        expect(bytesOf(`${hundredths / 100}Gi`)).to.equal(bytesOf(`${thousandths}m`));
      }),
    );
  });

  it("are nothing where they are none", () => {
    for (const text of ["", "Gi", "1.2.3", "ten", "-1Gi", "1GB", "1e", "1e999", "1e-999"])
      expect(bytesOf(text), text).to.be.NaN;
  });
});
