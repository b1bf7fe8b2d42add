import { expect } from "chai";
import { parseNodeId } from "../../../../../node/core/node-id.ts";
import { PeerReplies } from "../../../../../node/core/peers/peer-replies.ts";
import { decodeMessage } from "../../../../../node/core/wire/messages.ts";

const peer = parseNodeId("00000000-0000-4000-8000-000000000001");
const reply = { call: 7, body: new Uint8Array([1, 2]), lane: "foreground", untilMs: 100 } as const;

/** A link whose window the test opens and closes, on a clock that the test moves. */
class Link {
  readonly sent: Uint8Array[] = [];
  full = true;
  connected = true;
  nowMs = 0;
  waiting: (() => void)[] = [];
  readonly replies = new PeerReplies({
    clock: { monotonicMs: () => this.nowMs, wallMs: () => 0 },
    timers: {
      after: (_delayMs, run) => {
        this.waiting.push(run);
        return () => undefined;
      },
      soon: (run) => run(),
    },
    transport: {
      send: (_to, message) => !this.full && this.connected && this.sent.push(message) > 0,
      isConnected: () => this.connected,
      onMessage: () => undefined,
      onPeer: () => undefined,
    },
  });

  tick(): void {
    for (const run of this.waiting.splice(0)) run();
  }
}

describe("peer replies", () => {
  it("offers a reply again while the peer's window is full", () => {
    const link = new Link();
    link.replies.send(peer, reply);
    link.tick();
    expect(link.sent).to.have.length(0);
    link.full = false;
    link.tick();
    expect(link.sent.map(decodeMessage)).to.deep.equal([{ kind: "reply", call: 7, body: reply.body }]);
    expect(link.waiting).to.have.length(0);
  });

  it("gives up when its caller has", () => {
    const link = new Link();
    link.replies.send(peer, reply);
    link.nowMs = 101;
    link.full = false;
    link.tick();
    expect(link.sent).to.have.length(0);
    expect(link.waiting).to.have.length(0);
  });

  it("gives up when the connection is gone: the caller knows", () => {
    const link = new Link();
    link.replies.send(peer, reply);
    link.connected = false;
    link.tick();
    expect(link.waiting).to.have.length(0);
  });
});
