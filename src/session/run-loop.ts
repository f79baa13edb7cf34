// The run loop of a session: slices of a few milliseconds, and between them whatever messages came in.
// It owns the session's state. Everything that can change the machine from outside happens between two slices,
// so a run depends on nothing but its inputs and the instruction counts they entered at.
import type { MachineApi, RunResult } from "../machine/machine-api.js";
import { SessionError } from "./host-api.js";
import { IdlePacer } from "./idle-pacer.js";
import type { SessionState } from "./protocol.js";
import { type Cancel, realScheduler, type Scheduler } from "./scheduler.js";

/** Host time a slice aims at, in milliseconds: short enough that nobody notices the wait for its end. */
export const SLICE_MS = 6;
const FIRST_BUDGET = 200_000;
const SMALLEST_BUDGET = 2_000;
const LARGEST_BUDGET = 50_000_000;
/** While plugins are attached, whose work at an instruction may be a thousand times that of the one before. */
const LARGEST_PROBED_BUDGET = 200_000;
/** Callbacks may use a fifth of a millisecond each, several at every instruction. */
const SMALLEST_PROBED_BUDGET = 100;
const LONGEST_SLEEP_MS = 60_000;

/** What the loop tells its session. Called between slices, never from inside the machine. */
export interface RunLoopHooks {
  state(state: SessionState, reason: string, exitCode: number | undefined): void;
  /** After every slice. `settled`: the guest does not go on at once (paused, asleep, blocked, halted). */
  sliceEnd(settled: boolean): void;
  /** Blocking recorders without a free batch: the guest must not run while there are any. */
  fullRings(): readonly number[];
  /** The guest stands still for these; credit() goes on. */
  blocked(recorders: readonly number[]): void;
}

/** How a run to a goal ended. */
export interface GoalResult {
  /** `count`, `breakpoint`, `timeout`, or why the machine stopped: `pause`, `idle`, `halted`, `ring-full`. */
  reason: string;
  executed: number;
}

interface Goal {
  /** Machine-wide instruction count to stop at; Infinity for none. */
  until: number;
  pc: bigint | undefined;
  /** A step ends where the guest cannot go on by itself; a run waits for input until its time is up. */
  step: boolean;
  from: number;
  deadlineMs: number;
  announced: boolean;
  resolve(result: GoalResult): void;
  reject(error: Error): void;
}

export class RunLoop {
  readonly #machine: MachineApi;
  readonly #hooks: RunLoopHooks;
  readonly #scheduler: Scheduler;
  readonly #pacer: IdlePacer;
  #state: SessionState = "ready";
  #reason = "created";
  #exitCode: number | undefined;
  #goal: Goal | undefined;
  /** What will run the next slice: undefined while parked (idle without a timer, blocked) or not running. */
  #next: Cancel | undefined;
  #deadline: Cancel | undefined;
  /** Set while the guest sleeps real time: when it began, and what is left of the virtual wait. */
  #asleep: { sinceMs: number; waitNs: number } | undefined;
  #parked: "idle" | "ring-full" | undefined;
  #budget = FIRST_BUDGET;
  #smallest = SMALLEST_BUDGET;
  #largest = LARGEST_BUDGET;
  /** Why a plugin wants the machine paused; taken by the slice under way, or the next one. */
  #stopReason: string | undefined;
  #slices = 0;
  #busyMs = 0;

  constructor(machine: MachineApi, hooks: RunLoopHooks, scheduler: Scheduler = realScheduler) {
    this.#machine = machine;
    this.#hooks = hooks;
    this.#scheduler = scheduler;
    this.#pacer = new IdlePacer(machine.description.idle ?? "auto");
    // Idle time comes back here in every mode: a slice then ends on time even when the guest does nothing but wake up.
    machine.paceIdle = true;
  }

  get state(): SessionState {
    return this.#state;
  }
  get reason(): string {
    return this.#reason;
  }
  get exitCode(): number | undefined {
    return this.#exitCode;
  }
  /** Why a running guest does not run: asleep (real time passes), idle (waits for input), ring-full. */
  get waiting(): "asleep" | "idle" | "ring-full" | undefined {
    return this.#asleep !== undefined ? "asleep" : this.#parked;
  }
  /** Slices run and host milliseconds spent in them. */
  get usage(): { slices: number; busyMs: number } {
    return { slices: this.#slices, busyMs: this.#busyMs };
  }

  /** Runs until something stops it. Does nothing when it runs freely already. @throws SessionError wrong-state, crashed */
  start(): void {
    if (this.#state === "running" && this.#goal === undefined) return;
    this.#mustBeStopped("start");
    this.#pacer.restart(this.#machine.now(), this.#machine.instructionCount());
    this.#enter("running", "start");
    this.#schedule();
  }

  /** A stream has come: what is not compiled for it yet is slow, so slices begin small again. */
  observed(): void {
    this.#budget = Math.min(this.#budget, FIRST_BUDGET);
  }

  /** Plugins have come, gone or changed: slices begin small again, and stay short where a callback may take long. */
  instrumented(active: boolean): void {
    this.#largest = active ? LARGEST_PROBED_BUDGET : LARGEST_BUDGET;
    this.#smallest = active ? SMALLEST_PROBED_BUDGET : SMALLEST_BUDGET;
    if (active) this.#budget = SMALLEST_PROBED_BUDGET;
  }

  /** Stops between two slices. Does nothing when it does not run. @throws SessionError crashed */
  pause(reason = "pause"): void {
    if (this.#state === "crashed") throw this.#crashError();
    if (this.#state !== "running" && this.#goal === undefined) return;
    this.#stop("paused", reason);
  }

  /**
   * Pauses the guest as soon as may be, for a reason of somebody inside the machine. Inside a slice, the caller sees to it that
   * the slice ends where it should.
   */
  stopFor(reason: string): void {
    if (this.#state !== "running") return;
    this.#stopReason ??= reason;
    if (this.#asleep === undefined && this.#parked === undefined) return;
    this.#cancel();
    this.#schedule();
  }

  /** Runs `count` instruction slots exactly, or fewer where the guest halts, waits for input, or a ring stays full. */
  step(count: number, timeoutMs: number): Promise<GoalResult> {
    this.#mustBeStopped("step");
    return this.#runTo({ until: this.#machine.instructionCount() + count, pc: undefined, step: true }, timeoutMs);
  }

  /**
   * Runs until the machine-wide instruction count or the pc is reached, whichever comes first.
   * A machine that stands at the pc already goes on until it comes by again.
   */
  runUntil(
    target: { instructions?: number | undefined; pc?: bigint | undefined },
    timeoutMs: number,
  ): Promise<GoalResult> {
    this.#mustBeStopped("run");
    return this.#runTo(
      { until: target.instructions ?? Number.POSITIVE_INFINITY, pc: target.pc, step: false },
      timeoutMs,
    );
  }

  /** Resets the machine: a running one goes on from the reset vector, any other becomes ready. @throws SessionError crashed */
  reset(): void {
    if (this.#state === "crashed") throw this.#crashError();
    const free = this.#state === "running" && this.#goal === undefined;
    this.#stopReason = undefined;
    this.#finishGoal("reset");
    this.#cancel();
    this.#guard(() => this.#machine.reset());
    if ((this.#state as SessionState) === "crashed") throw this.#crashError();
    this.#exitCode = undefined;
    this.#pacer.restart(this.#machine.now(), this.#machine.instructionCount());
    if (free) this.#schedule();
    else this.#enter("ready", "reset");
  }

  /** Input is about to enter: lets the part of a real-time sleep that has passed count as virtual time. */
  beforeInput(): void {
    const asleep = this.#asleep;
    if (asleep === undefined) return;
    const ns = Math.min(asleep.waitNs, Math.max(0, Math.round((this.#scheduler.now() - asleep.sinceMs) * 1e6)));
    if (ns > 0) this.#guard(() => this.#machine.advanceIdle(ns));
  }

  /** Input came in: a guest that sleeps or waits for it goes on. */
  wake(): void {
    if (this.#state !== "running") return;
    if (this.#asleep !== undefined || this.#parked === "idle") {
      this.#cancel();
      this.#schedule();
    }
  }

  /** A ring has room again, or its subscription is gone. */
  credit(): void {
    if (this.#state !== "running" || this.#parked !== "ring-full") return;
    this.#cancel();
    this.#schedule();
  }

  /** Ends the loop for good (shutdown). */
  close(): void {
    if (this.#goal !== undefined) this.#finishGoal("shutdown");
    this.#cancel();
  }

  #runTo(target: Pick<Goal, "until" | "pc" | "step">, timeoutMs: number): Promise<GoalResult> {
    return new Promise((resolve, reject) => {
      const from = this.#machine.instructionCount();
      const now = this.#scheduler.now();
      this.#goal = { ...target, from, deadlineMs: now + timeoutMs, announced: false, resolve, reject };
      this.#pacer.restart(this.#machine.now(), from);
      this.#deadline = this.#scheduler.later(() => this.#timeout(), timeoutMs);
      const previous = this.#state;
      this.#state = "running";
      if (from >= target.until) {
        this.#state = previous;
        this.#finishGoal("count");
        return;
      }
      if (target.pc !== undefined) this.#machine.setBreakpoint(target.pc);
      // The first slice runs at once: a single step costs no turn of the event loop.
      this.#slice();
    });
  }

  #timeout(): void {
    this.#deadline = undefined;
    if (this.#goal !== undefined) this.#stop("paused", this.#parked === "ring-full" ? "ring-full" : "timeout");
  }

  #mustBeStopped(what: string): void {
    if (this.#state === "crashed") throw this.#crashError();
    if (this.#state === "ready" || this.#state === "paused") return;
    throw new SessionError("wrong-state", `cannot ${what} a session that is ${this.#state}`, { state: this.#state });
  }

  #crashError(): SessionError {
    return new SessionError("crashed", `the session crashed: ${this.#reason}`, { state: "crashed" });
  }

  #schedule(): void {
    this.#next = this.#scheduler.soon(() => this.#slice());
  }

  #cancel(): void {
    this.#next?.();
    this.#next = undefined;
    this.#asleep = undefined;
    this.#parked = undefined;
  }

  #enter(state: SessionState, reason: string): void {
    this.#state = state;
    this.#reason = reason;
    this.#hooks.state(state, reason, this.#exitCode);
  }

  /** Runs machine code outside a slice; whatever it throws is our bug and ends this session only. */
  #guard(body: () => void): void {
    try {
      body();
    } catch (error) {
      this.#crash(error);
    }
  }

  #crash(error: unknown): void {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const goal = this.#takeGoal();
    this.#cancel();
    try {
      // What it printed last is often the best clue.
      this.#hooks.sliceEnd(true);
    } catch {
      // The machine is broken; there is nothing more to get out of it.
    }
    this.#enter("crashed", message);
    goal?.reject(this.#crashError());
  }

  #takeGoal(): Goal | undefined {
    const goal = this.#goal;
    this.#goal = undefined;
    this.#deadline?.();
    this.#deadline = undefined;
    if (goal?.pc !== undefined) this.#machine.setBreakpoint(undefined);
    return goal;
  }

  #finishGoal(reason: string): void {
    const goal = this.#takeGoal();
    if (goal === undefined) return;
    goal.resolve({ reason, executed: this.#machine.instructionCount() - goal.from });
  }

  /** Leaves `running`; a goal, when there is one, ends with the same reason. */
  #stop(state: SessionState, reason: string): void {
    this.#cancel();
    this.#hooks.sliceEnd(true);
    this.#stopReason = undefined;
    this.#enter(state, reason);
    this.#finishGoal(reason);
  }

  /** Says that it waits, once what was recorded so far is on its way. */
  #park(why: "idle" | "ring-full"): void {
    this.#parked = why;
    this.#hooks.sliceEnd(true);
  }

  #slice(): void {
    this.#next = undefined;
    this.#asleep = undefined;
    this.#parked = undefined;
    const machine = this.#machine;
    const goal = this.#goal;
    const begun = this.#scheduler.now();
    let result: RunResult;
    let sleepMs = 0;
    if (this.#stopReason !== undefined) {
      this.#stop("paused", this.#stopReason);
      return;
    }
    if (this.#hooks.fullRings().length > 0) {
      this.#settle({ reason: "ring-full", executed: 0 }, 0, begun);
      return;
    }
    try {
      let before = begun;
      for (;;) {
        const left = goal === undefined ? Number.POSITIVE_INFINITY : goal.until - machine.instructionCount();
        if (left <= 0) {
          result = { reason: "budget", executed: 0 };
          break;
        }
        const asked = Math.min(this.#budget, left);
        result = machine.run(asked);
        const after = this.#scheduler.now();
        this.#adapt(asked, result.executed, after - before);
        before = after;
        if (result.reason === "idle-wait") {
          // A goal given in instructions is not worth waiting for unless the user asked for real time.
          sleepMs =
            goal !== undefined && machine.description.idle !== "realtime"
              ? 0
              : this.#pacer.idle(machine.now(), machine.instructionCount(), result.waitNs ?? 0, after);
          if (sleepMs > 0) break;
        } else if (result.reason !== "budget" && result.reason !== "reboot") break;
        if (this.#stopReason !== undefined) break;
        if (after - begun >= SLICE_MS) break;
      }
    } catch (error) {
      this.#crash(error);
      return;
    }
    const now = this.#scheduler.now();
    this.#slices++;
    this.#busyMs += now - begun;
    this.#settle(result, sleepMs, now);
  }

  #settle(result: RunResult, sleepMs: number, now: number): void {
    const goal = this.#goal;
    if (this.#stopReason !== undefined && result.reason !== "halted") {
      this.#stop("paused", this.#stopReason);
      return;
    }
    switch (result.reason) {
      case "halted":
        this.#exitCode = result.exitCode;
        this.#stop("halted", "halted");
        return;
      case "pause":
        // whoever asked for it has been answered already
        break;
      case "breakpoint":
        if (goal === undefined || goal.pc === undefined) break;
        this.#stop("paused", "breakpoint");
        return;
      case "idle":
        if (goal?.step) {
          this.#stop("paused", "idle");
          return;
        }
        this.#announce();
        this.#park("idle");
        return;
      case "ring-full": {
        this.#announce();
        // Asked once: the host makes room at any time, and must hear of exactly the rings that were found full.
        const full = this.#hooks.fullRings();
        if (full.length === 0) break;
        this.#pacer.restart(this.#machine.now(), this.#machine.instructionCount());
        this.#park("ring-full");
        this.#hooks.blocked(full);
        return;
      }
      default:
        break;
    }
    if (goal !== undefined && this.#machine.instructionCount() >= goal.until) {
      this.#stop("paused", "count");
      return;
    }
    if (goal !== undefined && now >= goal.deadlineMs) {
      this.#stop("paused", "timeout");
      return;
    }
    this.#announce();
    if (sleepMs > 0) {
      this.#sleep(result.waitNs ?? 0, sleepMs, now);
      this.#hooks.sliceEnd(true);
      return;
    }
    this.#schedule();
    this.#hooks.sliceEnd(false);
  }

  /** Lets real time pass; in stretches, since the host's timers do not reach as far as a guest's may. */
  #sleep(waitNs: number, sleepMs: number, now: number): void {
    this.#asleep = { sinceMs: now, waitNs };
    if (sleepMs <= LONGEST_SLEEP_MS) {
      this.#next = this.#scheduler.later(() => this.#slice(), sleepMs);
      return;
    }
    const passedNs = Math.min(waitNs, LONGEST_SLEEP_MS * 1e6);
    this.#next = this.#scheduler.later(() => {
      this.#guard(() => this.#machine.advanceIdle(passedNs));
      if (this.#state !== "running") return;
      this.#sleep(waitNs - passedNs, sleepMs - LONGEST_SLEEP_MS, now + LONGEST_SLEEP_MS);
    }, LONGEST_SLEEP_MS);
  }

  /** A goal that takes more than one slice shows as running; shorter ones only as the state they end in. */
  #announce(): void {
    const goal = this.#goal;
    if (goal === undefined || goal.announced) return;
    goal.announced = true;
    this.#enter("running", goal.step ? "step" : "run");
  }

  /** Aims the next budget at one slice's time by what this one took. */
  #adapt(asked: number, executed: number, ms: number): void {
    if (ms > SLICE_MS * 1.5) {
      this.#budget = Math.max(this.#smallest, Math.min(this.#budget, Math.round((executed * SLICE_MS) / ms)));
    } else if (executed >= asked && asked === this.#budget && ms < SLICE_MS * 0.75) {
      this.#budget = Math.min(this.#largest, this.#budget * 2);
    }
  }
}
