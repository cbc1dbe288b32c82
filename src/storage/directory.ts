/**
 * Keeps a data directory to one process.
 *
 * The lock must be taken atomically and must go when its holder dies, however it dies; a file with a process id can do
 * neither (kill -9 leaves it, ids come back, two processes can find it stale at once), and Node has no flock. So the lock
 * is a listening socket, which the operating system gives to one process at a time and takes back at its death:
 *
 *  - Linux: an abstract socket, which has no file. Its name is the directory's device and inode, so it does not matter by
 *    which path the directory is reached. It is seen within one network namespace: of two containers that share a
 *    directory, LevelDB's own lock on the state folder stops the second one.
 *  - Windows: a named pipe.
 *  - Elsewhere: a socket file in the temporary folder. One that nobody answers on is left over, and is taken over.
 *
 * The file `lock` in the directory is only a note that says who holds it, for the error message.
 */
import { readFile, mkdir, rm, stat, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import type { Server } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { DiskError } from "../core/world.ts";
import { diskError } from "./disk/disk-errors.ts";

export interface DirectoryLock {
  release(): Promise<void>;
}

/** Creates the directory if need be. Rejects with `DiskError`: `locked`, naming the process that has it, or `io`. */
export async function lockDirectory(path: string): Promise<DirectoryLock> {
  const note = join(path, "lock");
  try {
    await mkdir(path, { recursive: true });
    const { dev, ino } = await stat(path, { bigint: true });
    const server = await listen(`kvorum-${dev}-${ino}`);
    if (server === null) throw new DiskError("locked", path, await describeHolder(note));
    // The lock alone keeps no process alive.
    server.unref();
    await writeFile(note, JSON.stringify({ pid: process.pid, host: hostname() }));
    return { release: () => release(server, note) };
  } catch (error) {
    throw error instanceof DiskError ? error : diskError(path, error as NodeJS.ErrnoException);
  }
}

/** The note goes first: once the socket is closed, it may be another process's. */
async function release(server: Server, note: string): Promise<void> {
  await rm(note, { force: true });
  await new Promise<void>((done) => {
    server.close(() => done());
  });
}

async function describeHolder(note: string): Promise<string> {
  let holder = "another process";
  try {
    const { pid, host } = JSON.parse(await readFile(note, "utf8")) as { pid: unknown; host: unknown };
    if (typeof pid === "number") holder = `process ${pid}${host === hostname() ? "" : ` on ${String(host)}`}`;
  } catch {
    // The holder has not written its note yet, or has just taken it away: it stays unnamed.
    holder = "another process";
  }
  return `the data directory is in use by ${holder}. Stop it first, or choose another directory.`;
}

/** Null: somebody else has the name. */
async function listen(name: string): Promise<Server | null> {
  if (process.platform === "linux") return listenOn(`\0${name}`);
  if (process.platform === "win32") return listenOn(`\\\\.\\pipe\\${name}`);
  const file = join(tmpdir(), `${name}.sock`);
  const server = await listenOn(file);
  if (server !== null || (await isAnswered(file))) return server;
  await rm(file, { force: true });
  return listenOn(file);
}

function listenOn(address: string): Promise<Server | null> {
  return new Promise((done, failed) => {
    // Nothing is said on this socket. Whoever connects only wants to know whether somebody is there.
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") done(null);
      else failed(error);
    });
    server.listen(address, () => done(server));
  });
}

function isAnswered(file: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(file);
    const answer = (answered: boolean): void => {
      socket.destroy();
      done(answered);
    };
    socket.once("connect", () => answer(true));
    socket.once("error", () => answer(false));
  });
}
