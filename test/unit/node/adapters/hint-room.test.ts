import { expect } from "chai";
import { tmpdir } from "node:os";
import { hintRoom, hintRoomIn } from "../../../../node/adapters/hint-room.ts";

const MEBIBYTE = 1024 * 1024;
const BYTES_MAX = 4 * 1024 * MEBIBYTE;

describe("the room for hints", () => {
  it("is a quarter of a small volume, and bounded on a large one", () => {
    expect(hintRoom(64 * MEBIBYTE, BYTES_MAX)).to.equal(16 * MEBIBYTE);
    expect(hintRoom(10 * 1024 * MEBIBYTE, BYTES_MAX)).to.equal(2560 * MEBIBYTE);
    expect(hintRoom(1024 ** 4, BYTES_MAX)).to.equal(BYTES_MAX);
  });

  it("is measured where the data lies, and has its bound where that cannot be asked", async () => {
    expect(await hintRoomIn(tmpdir(), BYTES_MAX)).to.be.within(1, BYTES_MAX);
    expect(await hintRoomIn("/no/such/directory", BYTES_MAX)).to.equal(BYTES_MAX);
  });
});
