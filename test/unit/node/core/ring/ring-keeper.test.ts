import { expect } from "chai";
import type { ControlMessage } from "../../../../../node/core/ports/control-calls.ts";
import { encodeKept } from "../../../../../node/core/ring/kept-ring-codec.ts";
import { type KeptRing, serving } from "../../../../../node/core/ring/kept-ring.ts";
import { formedRing, ringDigest } from "../../../../../node/core/ring/ring-document.ts";
import type { Step } from "../../../../../node/core/ring/change/change-steps.ts";
import type { ElasticRing, Ring } from "../../../../../node/core/ring/ring.ts";
import { md5Digester } from "../../../../../node/adapters/md5.ts";
import { beginningOf, changed, stepped, storeOf } from "./change/elastic-rings.ts";
import { drain, KeeperCluster } from "./keeper-cluster.ts";

/** Puts a ring on a node's disk, as if it had been served before, and restarts the node on it. */
function serve(cluster: KeeperCluster, n: number, ring: Ring): void {
  const served = { ring, digest: ringDigest(ring, md5Digester) };
  const store = { id: storeOf(cluster.ids[n]!), adopted: false };
  cluster.disk(n).bytes = encodeKept(serving({ served, store, promised: undefined, accepted: undefined }));
  cluster.crash(cluster.ids[n]!);
  cluster.restartAll();
}

const isAdopted = (kept: KeptRing): boolean | undefined =>
  kept.state === "serving" ? kept.ballots.store.adopted : undefined;

const kinds = (cluster: KeeperCluster, kind: string): unknown[] =>
  cluster.events.filter(({ event }) => event.kind === kind);

async function formed(count: number): Promise<{ cluster: KeeperCluster; ring: Ring }> {
  const cluster = new KeeperCluster(count);
  await cluster.form(0, cluster.request(cluster.ids.map((_, n) => n)));
  return { cluster, ring: cluster.keeper(0).current()! };
}

describe("RingKeeper", () => {
  it("serves nothing and has an empty hash before there is a ring", () => {
    const keeper = new KeeperCluster(1).keeper(0);
    expect(keeper.current()).to.equal(undefined);
    expect(keeper.hash()).to.equal("");
    expect(() => keeper.preferenceList(0)).to.throw("invariant broken");
  });

  it("tells its listeners of each ring, after it is on disk", async () => {
    const cluster = new KeeperCluster(2);
    const seen: unknown[] = [];
    cluster.keeper(1).onInstalled(({ epoch }) => seen.push([epoch, cluster.disk(1).bytes !== undefined]));
    await cluster.form(0, cluster.request([0, 1]));
    expect(seen).to.deep.equal([[1, true]]);
  });

  it("starts to serve its accepted proposal when it meets a peer that serves it", async () => {
    const cluster = new KeeperCluster(3);
    cluster.faults = ({ kind }) =>
      kind === "message" && cluster.served.size > 0 ? "lose_question" : undefined;
    const outcome = await cluster.form(0, cluster.request([0, 1, 2]));
    expect(outcome).to.have.property("unconfirmed").with.length(2);
    expect(cluster.states()).to.deep.equal(["serving", "proposed", "proposed"]);
    cluster.faults = () => undefined;
    cluster.keeper(1).peerConnected(cluster.ids[0]!);
    await drain();
    expect(cluster.states(), "the one tells the other").to.deep.equal(["serving", "serving", "serving"]);
    expect(isAdopted(cluster.keeper(1).kept())).to.equal(false);
  });

  it("stores its first ring only once data.db says what was lost before", async () => {
    const { cluster } = await formed(2);
    cluster.disk(1).bytes = undefined;
    cluster.crash(cluster.ids[1]!);
    let keep = (): void => undefined;
    cluster.lossKept = new Promise((resolve) => (keep = () => resolve(true)));
    cluster.restartAll();
    cluster.keeper(1).peerConnected(cluster.ids[0]!);
    await drain();
    expect([cluster.disk(1).bytes, cluster.states()[1]]).to.deep.equal([undefined, "none"]);
    expect(cluster.adoptions, "a ring that it had not accepted").to.deep.equal([cluster.ids[1]]);
    keep();
    await drain();
    expect(cluster.states()[1]).to.equal("serving");
  });

  it("does not store it where data.db takes no write, says so to whoever forms a ring, and takes it later", async () => {
    const cluster = new KeeperCluster(3);
    cluster.restartAll();
    await cluster.connectAll();
    cluster.lossKept = Promise.resolve(false);
    const outcome = await cluster.form(0, cluster.request([0, 1, 2]));
    expect(outcome).to.include({ ok: false, code: "storage_failed" });
    expect(cluster.states()).to.deep.equal(["proposed", "proposed", "proposed"]);
    cluster.lossKept = Promise.resolve(true);
    expect(await cluster.form(0, cluster.request([0, 1, 2]))).to.include({ ok: true });
    expect(cluster.states()).to.deep.equal(["serving", "serving", "serving"]);
  });

  it("answers with its whole ring who has an older one, and not who has a later one", async () => {
    const { cluster, ring } = await formed(2);
    const asked = async (epoch: number): Promise<ControlMessage> =>
      cluster.keeper(0).handleControl(cluster.ids[1]!, {
        type: "ring.state",
        state: "serving",
        clusterId: ring.clusterId,
        generation: 0,
        epoch,
        digest: "another",
      });
    expect(await asked(0)).to.have.property("ring");
    expect(await asked(2))
      .to.include({ state: "serving", epoch: 1 })
      .and.to.not.have.property("ring");
  });

  it("asks again when the exchange is lost, at most three times", async () => {
    const { cluster } = await formed(2);
    cluster.disk(1).bytes = undefined;
    cluster.crash(cluster.ids[1]!);
    cluster.restartAll();
    let asked = 0;
    cluster.faults = () => (++asked <= 2 ? "lose_answer" : undefined);
    cluster.keeper(1).peerConnected(cluster.ids[0]!);
    await drain();
    expect(cluster.states()[1]).to.equal("serving");
    asked = 0;
    cluster.faults = () => (++asked, "lose_question");
    cluster.keeper(1).peerConnected(cluster.ids[0]!);
    await drain();
    expect(asked).to.equal(3);
  });

  it("adopts the ring that lists it when its own store is lost, and remembers for good that it did", async () => {
    const { cluster, ring } = await formed(3);
    cluster.crash(cluster.ids[2]!);
    cluster.disk(2).bytes = undefined;
    cluster.restartAll();
    await cluster.connectAll();
    expect(cluster.keeper(2).current()).to.deep.equal(ring);
    cluster.crash(cluster.ids[2]!);
    cluster.restartAll();
    expect(isAdopted(cluster.keeper(2).kept())).to.equal(true);
    serve(cluster, 0, { ...ring, epoch: 2 });
    await cluster.connectAll();
    expect(cluster.keeper(2).current()!.epoch).to.equal(2);
    expect(isAdopted(cluster.keeper(2).kept())).to.equal(true);
  });

  it("has lost data where a ring from when it had left comes first, and then one that lists it with another store", async () => {
    const cluster = new KeeperCluster(4);
    await cluster.form(0, cluster.request([0, 1, 2, 3]));
    await cluster.keepUp();
    const settled = cluster.keeper(0).current()!;
    const gone = { type: "leave", joining: [], leaving: [cluster.ids[3]!] } as const;
    const left = changed(settled as ElasticRing, gone).ended;
    const store = storeOf(cluster.ids[3]!, 1);
    const back = stepped(left, {
      ...beginningOf(left, { type: "join", joining: [{ id: cluster.ids[3]!, zone: "" }], leaving: [] }),
      joining: [{ id: cluster.ids[3]!, zone: "", ringStore: store }],
    } as Step);
    for (const [ring, isLoss] of [
      [back, true],
      [{ ...left, epoch: left.epoch + 1 }, false],
    ] as const) {
      cluster.crash(cluster.ids[3]!);
      cluster.disk(3).bytes = undefined;
      cluster.restartAll();
      serve(cluster, 0, left);
      cluster.keeper(3).peerConnected(cluster.ids[0]!);
      await drain();
      expect(cluster.keeper(3).current()).to.deep.equal(left);
      cluster.adoptions.length = 0;
      serve(cluster, 0, ring);
      cluster.keeper(3).peerConnected(cluster.ids[0]!);
      await drain();
      expect(cluster.keeper(3).current()).to.deep.equal(ring);
      expect(cluster.adoptions).to.deep.equal(isLoss ? [cluster.ids[3]!] : []);
    }
  });

  it("does not adopt a ring that does not list it, and forms none beside it", async () => {
    const cluster = new KeeperCluster(3);
    await cluster.form(0, cluster.request([0, 1]));
    await cluster.connectAll();
    expect(cluster.states()[2]).to.equal("none");
    expect(await cluster.form(2, cluster.request([2]))).to.include({ ok: false, code: "ring_exists" });
  });

  it("takes over, from any peer, a later epoch and a later generation of its cluster, and persists it", async () => {
    const { cluster, ring } = await formed(3);
    serve(cluster, 0, { ...ring, epoch: 7 });
    await cluster.connectAll();
    serve(cluster, 1, { ...ring, generation: 1, epoch: 2 });
    await cluster.connectAll();
    for (const id of cluster.ids) cluster.crash(id);
    cluster.restartAll();
    for (const n of [0, 1, 2])
      expect(cluster.keeper(n).current()).to.deep.equal({ ...ring, generation: 1, epoch: 2 });
  });

  it("keeps fields of a later ring that it does not know, so that all agree on its digest", async () => {
    const { cluster, ring } = await formed(3);
    const later = { ...ring, epoch: 2, invented: { later: true } };
    serve(cluster, 0, later);
    await cluster.connectAll();
    expect(cluster.keeper(2).current()).to.have.deep.property("invented", { later: true });
    expect(new Set(cluster.hashes()).size).to.equal(1);
  });

  it("reports a fork, another ring of the same epoch, and keeps its own", async () => {
    const { cluster, ring } = await formed(3);
    const before = cluster.hashes();
    const forked = { ...ring, owners: [...ring.owners].reverse() };
    serve(cluster, 1, forked);
    await cluster.connectAll();
    expect(cluster.keeper(0).hash()).to.equal(before[0]);
    expect(kinds(cluster, "ring_conflict")).to.deep.include({
      node: cluster.ids[0],
      event: {
        kind: "ring_conflict",
        epoch: 1,
        ours: before[0],
        theirs: ringDigest(forked, md5Digester),
        peerId: cluster.ids[1],
      },
    });
  });

  it("refuses a later ring of other parameters as a fork", async () => {
    const { cluster, ring } = await formed(2);
    const other = { ...ring, epoch: 2, parameters: { ...ring.parameters, replicas: 2 } };
    serve(cluster, 1, other);
    await cluster.connectAll();
    expect(cluster.keeper(0).current()).to.deep.equal(ring);
    expect(kinds(cluster, "ring_conflict")).to.not.deep.equal([]);
  });

  it("refuses the ring of another cluster, also when it is later and lists this node", async () => {
    const { cluster, ring } = await formed(2);
    serve(cluster, 1, { ...ring, clusterId: "other", epoch: 9 });
    await cluster.connectAll();
    expect(cluster.keeper(0).current()).to.deep.equal(ring);
    const commit = { type: "ring.commit", ring: { ...ring, clusterId: "other", epoch: 9 } };
    expect(await cluster.keeper(0).handleControl(cluster.ids[1]!, commit)).to.include({
      code: "ring_exists",
    });
  });

  it("goes on with its ring when the disk refuses a later one, and takes that at the next meeting", async () => {
    const { cluster, ring } = await formed(2);
    serve(cluster, 0, { ...ring, epoch: 2 });
    cluster.disk(1).failure = "EIO";
    await cluster.connectAll();
    expect(cluster.keeper(1).current()!.epoch).to.equal(1);
    expect(kinds(cluster, "commit_failed")).to.not.deep.equal([]);
    cluster.disk(1).failure = undefined;
    await cluster.connectAll();
    expect(cluster.keeper(1).current()!.epoch).to.equal(2);
  });

  it("refuses to start on a stored ring it cannot read", () => {
    const cluster = new KeeperCluster(1);
    for (const stored of ["", "{", '{"format":2}', '{"format":1,"state":"serving","ring":{}}']) {
      cluster.disk(0).bytes = new TextEncoder().encode(stored);
      cluster.crash(cluster.ids[0]!);
      expect(() => cluster.restartAll(), stored).to.throw("ring document refused");
    }
  });

  describe("refuses a message", () => {
    const cluster = new KeeperCluster(2);
    const ring = formedRing(cluster.request([0, 1]));
    const stranger = formedRing(cluster.request([0]));
    const messages: readonly (readonly [string, ControlMessage])[] = [
      ["of an unknown type", { type: "ring.dance" }],
      ["without its ring", { type: "ring.propose" }],
      ["with a broken ring", { type: "ring.commit", ring: { ...ring, owners: [9] } }],
      ["with an unknown state", { type: "ring.state", state: "melting" }],
      ["with a state but no epoch", { type: "ring.state", state: "serving", clusterId: "test", digest: "" }],
      ["that proposes a ring its sender is not in", { type: "ring.propose", ring: stranger }],
      ["that commits a ring its sender is not in", { type: "ring.commit", ring: stranger }],
      ["that proposes a first ring of epoch 2", { type: "ring.propose", ring: { ...ring, epoch: 2 } }],
    ];
    for (const [title, message] of messages) {
      it(title, async () => {
        const answer = await cluster.keeper(0).handleControl(cluster.ids[1]!, message);
        expect(answer).to.include({ type: "ring.refused", code: "invalid_request" });
        expect(cluster.states()[0]).to.equal("none");
      });
    }
  });

  it("gets a later ring from a peer that is said to have it, and by one exchange for all who want it", async () => {
    const { cluster, ring } = await formed(2);
    serve(cluster, 1, { ...ring, epoch: 3 });
    const [keeper, peer] = [cluster.keeper(0), cluster.ids[1]!];
    const before = cluster.steps;
    await keeper.catchUp(peer, { generation: 0, epoch: 1 });
    expect(cluster.steps, "it has that one").to.equal(before);
    cluster.messages.length = 0;
    const caughtUp = [2, 3, 3].map((epoch) => keeper.catchUp(peer, { generation: 0, epoch }));
    await Promise.all(caughtUp);
    expect(keeper.current()!.epoch).to.equal(3);
    expect(keeper.routes(0).read).to.deep.equal(keeper.preferenceList(0));
    await drain();
    const asked = cluster.messages.filter(({ node, to }) => node === cluster.ids[0] && to === peer);
    expect(asked.length).to.equal(1);
  });

  it("asks again where the peer had the ring only after an exchange under way", async () => {
    const { cluster, ring } = await formed(2);
    const [keeper, peer] = [cluster.keeper(0), cluster.ids[1]!];
    keeper.peerConnected(peer);
    // The peer has answered, and its answer is under way.
    await drain(1);
    serve(cluster, 1, { ...ring, epoch: 2 });
    await keeper.catchUp(peer, { generation: 0, epoch: 2 });
    expect(keeper.current()!.epoch).to.equal(2);
  });

  it("gives up on a ring that the peer does not give, and on a peer that does not answer", async () => {
    const { cluster } = await formed(2);
    const [keeper, peer] = [cluster.keeper(0), cluster.ids[1]!];
    await keeper.catchUp(peer, { generation: 0, epoch: 2 });
    cluster.crash(peer);
    await keeper.catchUp(peer, { generation: 0, epoch: 2 });
    expect(keeper.current()!.epoch).to.equal(1);
  });

  it("is no member before its first ring", async () => {
    const cluster = new KeeperCluster(1);
    expect(cluster.keeper(0).isMember()).to.equal(false);
    await cluster.form(0, cluster.request([0]));
    expect(cluster.keeper(0).isMember()).to.equal(true);
  });

  it("ignores fields of messages that it does not know", async () => {
    const cluster = new KeeperCluster(2);
    const ring = formedRing(cluster.request([0, 1]));
    const propose = { type: "ring.propose", ring, ballot: { round: 3 } };
    const answer = await cluster.keeper(0).handleControl(cluster.ids[1]!, propose);
    expect(answer).to.deep.equal({ type: "ring.done", digest: ringDigest(ring, md5Digester) });
    expect(
      await cluster.keeper(0).handleControl(cluster.ids[1]!, { type: "ring.state", state: "none", x: 1 }),
    ).to.include({
      type: "ring.state",
      state: "proposed",
    });
  });
});
