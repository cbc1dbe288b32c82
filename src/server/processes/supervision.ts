/** The other end of the channel: a process learns from its supervisor what to run, gets clients from it, and tells it how it is. */
import type { Socket } from "node:net";
import type { ServerOptions } from "../options.ts";
import type { RunningServer } from "../start-server.ts";
import type { FromProcess, ToProcess } from "./channel.ts";

/** A process whose supervisor is gone ends in order, and after so long anyhow. */
const ORPHANS_PATIENCE_MS = 10_000;

export class Supervision {
  readonly options: ServerOptions;
  #server: RunningServer | null = null;
  #said = "";

  private constructor(options: ServerOptions) {
    this.options = options;
    process.on("message", (message: ToProcess, socket: unknown) => {
      if (message.type === "client") this.#take(socket as Socket | undefined);
    });
    process.once("disconnect", () => setTimeout(() => process.exit(1), ORPHANS_PATIENCE_MS).unref());
  }

  /** Resolves when the supervisor has said what to run. Rejects when there is none, or it is gone. */
  static begin(): Promise<Supervision> {
    if (process.connected !== true)
      return Promise.reject(new Error("there is no supervisor on the other end"));
    return new Promise((done, failed) => {
      const gone = (): void => failed(new Error("the supervisor is gone"));
      process.once("disconnect", gone);
      process.once("message", (message: ToProcess) => {
        process.off("disconnect", gone);
        if (message.type === "start") done(new Supervision(message.options));
        else failed(new Error("the supervisor did not begin with the options"));
      });
    });
  }

  /** The doors are open: from now on clients may be handed over. */
  open(server: RunningServer): void {
    this.#server = server;
    this.#send({ type: "open" });
  }

  ready({ addresses }: RunningServer): void {
    this.#send({ type: "ready", addresses });
  }

  waiting(reason: string): void {
    if (reason === this.#said) return;
    this.#said = reason;
    this.#send({ type: "waiting", reason });
  }

  #take(socket: Socket | undefined): void {
    // A client may be gone again before it arrives.
    if (socket === undefined) return;
    if (this.#server === null) socket.destroy();
    else this.#server.take(socket);
  }

  #send(message: FromProcess): void {
    if (process.connected === true) process.send?.(message);
  }
}
