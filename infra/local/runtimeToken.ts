/** How the runtime of an environment is told what opens its Runtime API. It takes the variable away before the handler is loaded. */
export const TOKEN_VARIABLE = 'MILLRACE_RUNTIME_TOKEN'
/** The header it says it in. */
export const TOKEN_HEADER = 'x-millrace-runtime-token'
