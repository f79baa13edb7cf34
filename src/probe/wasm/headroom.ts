// A plugin may call the host from any depth of recursion. What the host does then must not run out of stack half-way: the
// plugin would be taken away, but the machine's own records would stay as they are in the middle of a change. So functions
// that change anything go down a stretch of stack first, and fail, if they must, before they have begun.

/** More than what any of these needs: about 100 bytes each. */
const FRAMES = 1000;

function descend(frames: number): number {
  return frames === 0 ? 0 : 1 + descend(frames - 1);
}

/** @throws RangeError where the stack is nearly used up */
export function requireHeadroom(): void {
  descend(FRAMES);
}

/** The same function, for callers at any depth. */
export function withHeadroom<T extends (...args: never[]) => unknown>(body: T): T {
  return ((...args) => {
    requireHeadroom();
    return body(...args);
  }) as T;
}
