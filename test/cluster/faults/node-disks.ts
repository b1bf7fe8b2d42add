import { execFileSync } from "node:child_process";
import {
  closeSync,
  cpSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import path from "node:path";
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
 * Flips one bit in each of `count` bytes of values in data.db: bytes that the tests' padding is made of, so that what
 * rots are records and not the file's own structure. Answers how many were found and flipped.
 */
export function flipBitsOfValues(node: FaultNode, count: number): number {
  return flip(node, (file, size) => {
    const flips: number[] = [];
    for (let tries = 0; flips.length < count && tries < 400 * count; tries++) {
      const at = Math.floor(Math.random() * size);
      if (file(at) === PADDING_BYTE) flips.push(at);
    }
    return flips;
  });
}

/** Flips one bit in each of `count` bytes anywhere in data.db, B-tree pages and the schema included. */
export function flipBitsAnywhere(node: FaultNode, count: number): number {
  return flip(node, (_, size) => Array.from({ length: count }, () => Math.floor(Math.random() * size)));
}

const PADDING_BYTE = "x".charCodeAt(0);

function flip(node: FaultNode, choose: (byteAt: (at: number) => number, size: number) => number[]): number {
  const name = path.join(node.dataDirectory, "data.db");
  if (!existsSync(name)) throw new Error(`${name} is not there`);
  const file = openSync(name, "r+");
  const byte = Buffer.alloc(1);
  const byteAt = (at: number): number => (readSync(file, byte, 0, 1, at) === 1 ? byte[0]! : -1);
  try {
    const flips = choose(byteAt, fstatSync(file).size);
    for (const at of flips) {
      byte[0] = byteAt(at) ^ (1 << Math.floor(Math.random() * 8));
      writeSync(file, byte, 0, 1, at);
    }
    return flips.length;
  } finally {
    closeSync(file);
  }
}
