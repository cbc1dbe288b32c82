/** A disk as one process sees it: while the process is paused it hears nothing, once it is killed it hears nothing more. */
import type { Disk, DiskFile, Done, Store } from "../core/world.ts";
import type { SimulatedClock } from "./simulated-clock.ts";

/** Passes a result on through the process' gate; what is opened gets a gate too. */
function gated<T>(clock: SimulatedClock, done: Done<T>, wrap: (value: T) => T = (value) => value): Done<T> {
  return (error, value) => {
    clock.deliver(() => {
      if (error !== null) done(error);
      else if (value === undefined) done(null);
      else done(null, wrap(value));
    });
  };
}

/** Is called before everything that the process asks of the world, and may kill it: false, and nothing is asked. */
export type Effect = () => boolean;

export function gateDisk(disk: Disk, clock: SimulatedClock, effect: Effect): Disk {
  const file = (value: DiskFile): DiskFile => gateFile(value, clock, effect);
  return {
    create: (path, preallocate, done) => effect() && disk.create(path, preallocate, gated(clock, done, file)),
    open: (path, done) => effect() && disk.open(path, gated(clock, done, file)),
    replace: (path, bytes, done) => effect() && disk.replace(path, bytes, gated(clock, done)),
    readAll: (path, done) => disk.readAll(path, gated(clock, done)),
    list: (folder, done) => disk.list(folder, gated(clock, done)),
    remove: (path, done) => effect() && disk.remove(path, gated(clock, done)),
    free: (done) => disk.free(gated(clock, done)),
    openStore: (folder, done) =>
      disk.openStore(
        folder,
        gated(clock, done, (store) => gateStore(store, clock, effect)),
      ),
  };
}

function gateFile(file: DiskFile, clock: SimulatedClock, effect: Effect): DiskFile {
  return {
    write: (bytes, position, done) => effect() && file.write(bytes, position, gated(clock, done)),
    sync: (done) => effect() && file.sync(gated(clock, done)),
    read: (position, length, done) => file.read(position, length, gated(clock, done)),
    size: (done) => file.size(gated(clock, done)),
    truncate: (length, done) => effect() && file.truncate(length, gated(clock, done)),
    close: (done) => file.close(gated(clock, done)),
  };
}

function gateStore(store: Store, clock: SimulatedClock, effect: Effect): Store {
  return {
    get: (key) => store.get(key),
    write: (operations, done) => effect() && store.write(operations, gated(clock, done)),
    range: (range, done) => store.range(range, gated(clock, done)),
    clear: (from, to, done) => effect() && store.clear(from, to, gated(clock, done)),
    snapshot: () => store.snapshot(),
    close: (done) => store.close(gated(clock, done)),
  };
}
