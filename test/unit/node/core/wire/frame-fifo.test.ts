import { expect } from "chai";
import fc from "fast-check";
import { FrameFifo } from "../../../../../node/core/wire/frame-fifo.ts";

describe("frame fifo", () => {
  it("behaves like an array with push and shift, at any length", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -3_000, max: 3_000 }), { maxLength: 20 }), (steps) => {
        const fifo = new FrameFifo<number>();
        const model: number[] = [];
        let next = 0;
        for (const step of steps) {
          for (let i = 0; i < step; i++) {
            fifo.push(++next);
            model.push(next);
          }
          let same = true;
          for (let i = 0; i > step; i--) same &&= fifo.shift() === model.shift();
          expect(same).to.equal(true);
          expect(fifo.length).to.equal(model.length);
          expect(fifo.peek()).to.equal(model[0]);
        }
      }),
      { numRuns: 30 },
    );
  });
});
