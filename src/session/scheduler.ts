// The host's clock and timers behind one small interface, so that the run loop can be tested without waiting.

/** Takes back what was scheduled; harmless when it already ran. */
export type Cancel = () => void;

export interface Scheduler {
  /** Monotonic host time in milliseconds, with fractions. */
  now(): number;
  /** Calls back after pending messages were handled. */
  soon(callback: () => void): Cancel;
  /** Calls back after `ms` milliseconds. */
  later(callback: () => void, ms: number): Cancel;
}

/** The real one: setImmediate lets the worker's message port be read between two slices. */
export const realScheduler: Scheduler = {
  now: () => performance.now(),
  soon(callback) {
    const handle = setImmediate(callback);
    return () => clearImmediate(handle);
  },
  later(callback, ms) {
    const handle = setTimeout(callback, ms);
    return () => clearTimeout(handle);
  },
};
