/**
 * Three replicas of one group on one virtual clock, without sockets and disks: what one sends or persists is dealt with when `run` is
 * called, and time goes on with `pass`.
 */

/**
 * `Pulse`: of the build that is measured. `make(id, host)` gives `{ replica, … }` for each of three nodes; `host` is what a replica needs of
 * its node. Gives `{ nodes, run, pass }`.
 */
export function threeReplicas(Pulse, make) {
  let time = 0;
  const timers = [];
  const tasks = [];
  const clock = {
    now: () => time,
    wall: () => 1e12 + time,
    setTimer: (delay, fire) => {
      const timer = { at: time + delay, fire, cancelled: false };
      timers.push(timer);
      return { cancel: () => (timer.cancelled = true) };
    },
    defer: (task) => tasks.push(task),
  };
  const mail = [];
  const nodes = [1, 2, 3].map((id) => {
    const dirty = new Set();
    const writes = [];
    const host = {
      clock,
      random: { next: Math.random, bytes: (length) => new Uint8Array(length) },
      logger: { info() {}, warn() {}, error() {}, debug() {} },
      persister: { add: (sink, write) => writes.push([sink, write]) },
      pulse: new Pulse(clock),
      send: (to, frame) => mail.push([id, to, frame]),
      schedule: (replica) => dirty.add(replica),
      onLeaderChange() {},
      onReady() {},
      onRetired() {},
      expire() {},
      onFailed: (_replica, error) => {
        throw error;
      },
      proposalTime: () => Math.floor(clock.wall()),
      maxValueBytes: () => 1 << 20,
    };
    return { ...make(id, host), dirty, writes };
  });
  /** Until nothing is left to do at this moment. */
  const run = () => {
    for (let busy = true; busy;) {
      busy = tasks.length > 0 || mail.length > 0;
      for (const task of tasks.splice(0)) task();
      for (const { dirty, writes } of nodes) {
        busy ||= dirty.size > 0 || writes.length > 0;
        for (const replica of dirty) {
          dirty.delete(replica);
          replica.flushTurn();
        }
        for (const [sink, write] of writes.splice(0)) sink.onPersisted(write);
      }
      for (const [from, to, frame] of mail.splice(0))
        nodes[to - 1].replica.onMessage(from, frame.subarray(2));
    }
  };
  const pass = (duration) => {
    const end = time + duration;
    for (;;) {
      run();
      timers.sort((a, b) => a.at - b.at);
      if (timers.length === 0 || timers[0].at > end) break;
      const timer = timers.shift();
      time = Math.max(time, timer.at);
      if (!timer.cancelled) timer.fire();
    }
    time = end;
  };
  for (const { replica } of nodes) replica.start();
  return { nodes, run, pass };
}
