import { execFileSync } from "node:child_process";
import {
  closeSync,
  cpSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import Sqlite from "better-sqlite3";
import { assertPrivateNetwork } from "../../private-network.ts";
import type { FaultNode } from "./fault-node.ts";

/**
 * What is done to the disk of one node: made small and filled, slowed down, emptied, put back to an old copy, or
 * changed in single bits. The node's identity and ring stay, as they do when databases are lost but not the volume's
 * name: a node without an identity is a new node, which needs a change of the ring.
 */
const DATABASES = /^(?:data|hints)\.db/;
const FILLER = "filler";
const MEBIBYTE = 1024 * 1024;
/** Above what a node wants free before it takes writes again. */
const SMALL_DISK_MIB = 192;

/** Mounts a small file system of its own at the data directory. Only before the node's first start. */
export function makeDiskSmall(node: FaultNode): void {
  assertPrivateNetwork();
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${SMALL_DISK_MIB}m`, "tmpfs", node.dataDirectory]);
}

export function removeSmallDisk(node: FaultNode): void {
  execFileSync("umount", ["--lazy", node.dataDirectory]);
}

/** Leaves no free byte: the next write that needs room fails. */
export function fillDisk(node: FaultNode): void {
  const filler = openSync(path.join(node.dataDirectory, FILLER), "a");
  try {
    for (const block of [Buffer.alloc(MEBIBYTE, 1), Buffer.alloc(4_096, 1)]) {
      while (appended(filler, block));
    }
  } finally {
    closeSync(filler);
  }
}

export function freeDisk(node: FaultNode): void {
  rmSync(path.join(node.dataDirectory, FILLER), { force: true });
}

function appended(file: number, block: Buffer): boolean {
  try {
    return writeSync(file, block) > 0;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOSPC") return false;
    throw error;
  }
}

/** See slow-disk.c. */
export function slowDiskEnvironment(node: FaultNode, library: string): Record<string, string> {
  return {
    LD_PRELOAD: library,
    SLOW_DISK_ROOT: node.dataDirectory,
    SLOW_DISK_CONTROL: slowDiskControl(node),
    // Syncs through io_uring would pass the library by.
    UV_USE_IO_URING: "0",
  };
}

/** Takes effect with the next sync. 0: as fast as it is. */
export function slowDown(node: FaultNode, syncMs: number): void {
  writeFileSync(slowDiskControl(node), String(syncMs));
}

function slowDiskControl(node: FaultNode): string {
  return path.join(node.directory, "slow-disk");
}

/** The node must be dead. */
export function deleteDatabases(node: FaultNode): void {
  for (const name of databaseFiles(node)) rmSync(path.join(node.dataDirectory, name));
}

/** The node must be dead. */
export function deleteRing(node: FaultNode): void {
  rmSync(path.join(node.dataDirectory, "ring.json"), { force: true });
}

/** Copies the databases aside. The node must be dead. */
export function keepOldCopy(node: FaultNode): void {
  const copy = oldCopy(node);
  rmSync(copy, { recursive: true, force: true });
  for (const name of databaseFiles(node)) cpSync(path.join(node.dataDirectory, name), path.join(copy, name));
}

/** Puts the databases back to what they were at `keepOldCopy`. The node must be dead. */
export function restoreOldCopy(node: FaultNode): void {
  deleteDatabases(node);
  const copy = oldCopy(node);
  for (const name of readdirSync(copy)) cpSync(path.join(copy, name), path.join(node.dataDirectory, name));
}

function oldCopy(node: FaultNode): string {
  return path.join(node.directory, "old-copy");
}

function databaseFiles(node: FaultNode): string[] {
  return readdirSync(node.dataDirectory).filter((name) => DATABASES.test(name));
}

/**
 * Flips one bit in each of up to `count` bytes of data.db, within the padding of values that hold `marker`, so that what
 * rots are the records of this run and not the file's own structure. Answers how many there were: 0 where it has no such value.
 */
export function flipBitsOfValues(node: FaultNode, marker: string, count: number): number {
  checkpoint(node);
  const name = path.join(node.dataDirectory, "data.db");
  const bytes = readFileSync(name);
  const found: number[] = [];
  for (let at = bytes.indexOf(marker); at >= 0; at = bytes.indexOf(marker, at + 1)) {
    const padding = bytes.indexOf(PADDING, at);
    if (padding >= 0 && padding - at < PADDING_AFTER_MAX) found.push(padding + PADDING.length - 1);
  }
  const chosen = shuffled(found).slice(0, count);
  flip(name, chosen);
  return chosen.length;
}

/** Flips one bit in each of `count` bytes anywhere in data.db, B-tree pages and the schema included. */
export function flipBitsAnywhere(node: FaultNode, count: number): void {
  checkpoint(node);
  const name = path.join(node.dataDirectory, "data.db");
  const { size } = statSync(name);
  flip(
    name,
    Array.from({ length: count }, () => Math.floor(Math.random() * size)),
  );
}

/**
 * Flips one bit in the middle of data.db's write-ahead log. SQLite takes everything from there on for never written: the
 * database is a little older than it was, and says nothing. The node must be dead. False where there is no bit to flip.
 */
export function flipBitOfLog(node: FaultNode): boolean {
  const name = path.join(node.dataDirectory, "data.db-wal");
  const size = statSync(name, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0) return false;
  flip(name, [Math.floor(size * (0.2 + 0.6 * Math.random()))]);
  return true;
}

const PADDING = '"padding":"xx';
/** Between a value's id and its padding, in a value of this many elements. */
const PADDING_AFTER_MAX = 2_000;

/** Moves what lies in the log into data.db, as the node itself does when it has time. */
function checkpoint(node: FaultNode): void {
  const database = new Sqlite(path.join(node.dataDirectory, "data.db"));
  try {
    database.pragma("wal_checkpoint(PASSIVE)");
  } finally {
    database.close();
  }
}

function flip(name: string, places: readonly number[]): void {
  const file = openSync(name, "r+");
  const byte = Buffer.alloc(1);
  try {
    for (const at of places) {
      readSync(file, byte, 0, 1, at);
      byte[0]! ^= 1 << Math.floor(Math.random() * 8);
      writeSync(file, byte, 0, 1, at);
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
