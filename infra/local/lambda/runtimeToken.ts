/** How the runtime of an environment is told what opens its Runtime API. It takes the variable away before the handler is loaded. */
export const TOKEN_VARIABLE = 'MILLRACE_RUNTIME_TOKEN'
/** The header it says it in. */
export const TOKEN_HEADER = 'x-millrace-runtime-token'
/** By how much the environment's wall clock is to be wrong, ms: a fault on demand. */
export const SKEW_VARIABLE = 'MILLRACE_CLOCK_SKEW_MS'
