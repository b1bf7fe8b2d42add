import { expect } from "chai";
import { shownBytes } from "../../../../client/cli/byte-text.ts";

describe("bytes for people", () => {
  it("are in the largest unit that is at most the number", () => {
    const shown = [0, 812, 1_023, 1_024, 1_500, 10 * 1_024, 1.4 * 2 ** 20, 37 * 2 ** 30, 5_000 * 2 ** 40];
    expect(shown.map(shownBytes)).to.deep.equal([
      "0 B",
      "812 B",
      "1023 B",
      "1.0 KiB",
      "1.5 KiB",
      "10 KiB",
      "1.4 MiB",
      "37 GiB",
      "5000 TiB",
    ]);
  });
});
