import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * One emulated AWS service. The server in front of it picks the service by the request's path or target and hands over the
 * request with its body unread. A service answers every request it is given, its own failures included; it never rejects
 * for something the client did.
 */
export type Service = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void>
