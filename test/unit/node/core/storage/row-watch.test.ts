import { expect } from "chai";
import { RowWatch } from "../../../../../node/core/storage/row-watch.ts";

const place = (n: number): Uint8Array => {
  const position = new Uint8Array(16);
  new DataView(position.buffer).setUint32(0, n);
  return position;
};

describe("row watch", () => {
  let watch: RowWatch;
  beforeEach(() => {
    watch = new RowWatch(() => "a");
  });

  it("says that a row was not written since, until it is", () => {
    const mark = watch.begin([place(1), place(2)], 0);
    expect(watch.isUnchangedSince(place(1), mark)).to.equal(true);
    watch.changed(place(1));
    expect(watch.isUnchangedSince(place(1), mark)).to.equal(false);
    expect(watch.isUnchangedSince(place(2), mark)).to.equal(true);
  });

  it("knows nothing of a row that it did not watch from the mark on", () => {
    const early = watch.begin([place(1)], 0);
    expect(watch.isUnchangedSince(place(2), early)).to.equal(false);
    const late = watch.begin([place(2)], 0);
    expect(watch.isUnchangedSince(place(2), early)).to.equal(false);
    expect(watch.isUnchangedSince(place(2), late)).to.equal(true);
  });

  it("does not let a later round forget what was written before it", () => {
    const first = watch.begin([place(1)], 0);
    watch.changed(place(1));
    const second = watch.begin([place(1)], 0);
    expect(watch.isUnchangedSince(place(1), first)).to.equal(false);
    expect(watch.isUnchangedSince(place(1), second)).to.equal(true);
  });

  it("vouches for nothing of another process, nor after rows changed that nobody wrote", () => {
    const mark = watch.begin([place(1)], 0);
    const other = new RowWatch(() => "b");
    other.begin([place(1)], 0);
    expect(other.isUnchangedSince(place(1), mark)).to.equal(false);
    watch.forget();
    expect(watch.isUnchangedSince(place(1), mark)).to.equal(false);
  });

  it("vouches for no row that was released, also where it is watched again", () => {
    const mark = watch.begin([place(1)], 0);
    watch.release(place(1));
    expect(watch.isUnchangedSince(place(1), mark)).to.equal(false);
    watch.begin([place(1)], 0);
    expect(watch.isUnchangedSince(place(1), mark)).to.equal(false);
  });

  it("has room for so many rows, and gives the room of old ones to new ones", () => {
    const many = Array.from({ length: 65_536 }, (_, n) => place(n));
    watch.begin(many, 0);
    const full = watch.begin([place(100_000)], 1_000);
    expect(watch.isUnchangedSince(place(100_000), full)).to.equal(false);
    const later = watch.begin([place(100_000)], 900_000);
    expect(watch.isUnchangedSince(place(100_000), later)).to.equal(true);
    expect(watch.isUnchangedSince(place(0), later)).to.equal(false);
  });
});
