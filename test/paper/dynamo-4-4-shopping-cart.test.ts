import { expect } from "chai";
import fc from "fast-check";
import { ActorMint } from "../../node/core/version/actor.ts";
import { type Coverage, emptyCoverage, withDot } from "../../node/core/version/coverage.ts";
import { emptyRecord, type KeyRecord, merge, put, visibleSiblings } from "../../node/core/version/record.ts";

/**
 * Dynamo §4.4's application: a shopping cart, reconciled by the client as the union of its siblings (semantic
 * reconciliation). Replicas that cannot reach each other go on taking writes; a customer adds to, or removes from,
 * whatever version the replica at hand has.
 */
class CartReplica {
  record: KeyRecord = emptyRecord({ bucket: new Uint8Array([1]), key: new Uint8Array([2]) });
  #mine = "";
  readonly #mint: ActorMint;

  constructor(number: number) {
    this.#mint = new ActorMint(number.toString(16).padStart(16, "0"));
  }

  /** The union of the branches, and the context that says which branches those are. */
  read(): { cart: Set<string>; context: Coverage } {
    const branches = visibleSiblings(this.record).map(({ value }) => itemsOf(value));
    return { cart: new Set(branches.flat()), context: this.record.coverage };
  }

  write(cart: ReadonlySet<string>, context: Coverage, requestId: string): Coverage {
    return this.#put(JSON.stringify([...cart].sort()), false, context, requestId);
  }

  delete(context: Coverage, requestId: string): Coverage {
    return this.#put("", true, context, requestId);
  }

  exchangeWith(other: CartReplica): void {
    this.record = other.record = merge(this.record, other.record);
  }

  #put(content: string, tombstone: boolean, seen: Coverage, requestId: string): Coverage {
    const dot = this.#mint.nextDot({ mine: this.#mine, coverage: this.record.coverage, seen });
    const value = new TextEncoder().encode(content);
    const written = { tombstone, value, contentType: "application/json", modifiedMs: 0, requestId };
    this.record = put(this.record, { seen, dot, value: written });
    this.#mine = dot.actor;
    return withDot(seen, dot);
  }
}

function itemsOf(value: Uint8Array): string[] {
  return JSON.parse(new TextDecoder().decode(value)) as string[];
}

function replicas(): [CartReplica, CartReplica, CartReplica] {
  return [new CartReplica(1), new CartReplica(2), new CartReplica(3)];
}

function add(replica: CartReplica, item: string): void {
  const { cart, context } = replica.read();
  replica.write(cart.add(item), context, `add ${item}`);
}

describe("§4.4 the shopping cart", () => {
  it('§4.4 an "add to cart" is never forgotten or rejected, whatever the netsplits', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("add" as const), at: fc.nat({ max: 2 }) }),
      fc.record({ kind: fc.constant("exchange" as const), at: fc.nat({ max: 2 }), with: fc.nat({ max: 2 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const nodes = replicas();
        const added = new Set<string>();
        for (const [i, one] of steps.entries()) {
          if (one.kind === "add") add(nodes[one.at]!, `item ${i}`);
          else nodes[one.at]!.exchangeWith(nodes[one.with]!);
          if (one.kind === "add") added.add(`item ${i}`);
        }
        nodes[0].exchangeWith(nodes[1]);
        nodes[0].exchangeWith(nodes[2]);
        expect(nodes[0].read().cart).to.deep.equal(added);
      }),
    );
  });

  it("§4.4 where the latest version is not available, the item goes into the older one and both are kept", () => {
    const [here, there] = replicas();
    add(here, "book");
    here.exchangeWith(there);
    add(here, "pen");
    add(there, "ink");
    here.exchangeWith(there);
    expect(visibleSiblings(here.record)).to.have.lengthOf(2);
    expect(here.read().cart).to.deep.equal(new Set(["book", "pen", "ink"]));
  });

  it("§4.4 the branches collapse into one version when a client writes with the context of all of them", () => {
    const [here, there, elsewhere] = replicas();
    add(here, "book");
    add(there, "pen");
    here.exchangeWith(there);
    const { cart, context } = here.read();
    here.write(cart, context, "reconcile");
    for (const node of [there, elsewhere]) {
      node.exchangeWith(here);
      expect(visibleSiblings(node.record).map(({ value }) => itemsOf(value))).to.deep.equal([
        ["book", "pen"],
      ]);
    }
  });

  it("§4.4 a removed item can resurface where another branch still had it: the union's price, not the store's", () => {
    const [here, there] = replicas();
    add(here, "book");
    here.exchangeWith(there);
    const { cart, context } = here.read();
    cart.delete("book");
    here.write(cart, context, "remove book");
    add(there, "pen");
    here.exchangeWith(there);
    expect(here.read().cart).to.deep.equal(new Set(["book", "pen"]));
  });

  it("a deleted cart stays deleted when a replica that missed the delete comes back", () => {
    const [here, there] = replicas();
    add(here, "book");
    here.exchangeWith(there);
    here.delete(here.read().context, "empty the cart");
    here.exchangeWith(there);
    expect(there.read().cart).to.deep.equal(new Set());
    expect(visibleSiblings(there.record)).to.deep.equal([]);
  });

  it("a write concurrent with a delete survives it and is shown as one value", () => {
    const [here, there] = replicas();
    add(here, "book");
    here.exchangeWith(there);
    here.delete(here.read().context, "empty the cart");
    add(there, "pen");
    here.exchangeWith(there);
    expect(visibleSiblings(here.record)).to.have.lengthOf(1);
    expect(here.read().cart).to.deep.equal(new Set(["book", "pen"]));
  });

  it("a client that goes on writing with its puts' contexts never overwrites what it was not shown", () => {
    const [here] = replicas();
    let context = here.write(new Set(["book"]), emptyCoverage, "first");
    here.write(new Set(["pen"]), emptyCoverage, "of another client");
    context = here.write(new Set(["book", "ink"]), context, "second");
    here.write(new Set(["book", "ink", "ruler"]), context, "third");
    expect(here.read().cart).to.deep.equal(new Set(["book", "ink", "ruler", "pen"]));
    expect(visibleSiblings(here.record)).to.have.lengthOf(2);
  });
});
