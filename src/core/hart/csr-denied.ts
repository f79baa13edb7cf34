// The one flag by which a CSR's file says: no such register, or not accessible now.

export let csr_denied: bool = false;

export function allow(): void {
  csr_denied = false;
}

/** To be returned by readers: the access is illegal. */
export function deny(): u64 {
  csr_denied = true;
  return 0;
}
