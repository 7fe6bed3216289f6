import type { RawRequest } from './rawRequest.ts'

const CHROME = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36'
const PAGE = 'https://evil.example'

/** What a browser adds to a request that a page makes; undefined takes a header away. */
type Marks = Readonly<Record<string, string | undefined>>

/**
 * How a page can make a browser send something to 127.0.0.1, with the headers that the browser adds. None of them asks the cloud for leave
 * first: those that do are the preflight and the upgrade.
 */
export const PAGE_REQUESTS: readonly [how: string, marks: Marks][] = [
  ['fetch, no-cors', { ...fetched('no-cors'), 'Content-Type': 'text/plain;charset=UTF-8' }],
  [
    'a form',
    { Origin: PAGE, 'User-Agent': CHROME, 'Content-Type': 'application/x-www-form-urlencoded', ...site('document') },
  ],
  [
    'a multipart form',
    { Origin: PAGE, 'User-Agent': CHROME, 'Content-Type': 'multipart/form-data; boundary=x', ...site('iframe') },
  ],
  ['a form of a file on disk', { Origin: 'null', 'User-Agent': CHROME, 'Content-Type': 'text/plain' }],
  ['sendBeacon', { ...fetched('no-cors'), 'Content-Type': 'text/plain;charset=UTF-8', 'Sec-Fetch-Dest': 'empty' }],
  ['<img>', { 'User-Agent': CHROME, Accept: 'image/avif,*/*', ...site('image') }],
  ['<script>', { 'User-Agent': CHROME, Accept: '*/*', Referer: `${PAGE}/`, ...site('script') }],
  ['a link that is followed', { 'User-Agent': CHROME, 'Sec-Fetch-Site': 'none', 'Sec-Fetch-Mode': 'navigate' }],
  ['an old browser that marks nothing', { 'User-Agent': CHROME }],
  ['a name that leads to 127.0.0.1 (DNS rebinding)', { Host: 'evil.example', 'User-Agent': CHROME }],
  ['the same from a browser that hides', { Host: 'evil.example:4566' }],
  ['a name made to look like an address', { Host: '127.0.0.1.evil.example' }],
  ['another one', { Host: '127.evil.example' }],
  ['a name that has localhost in it', { Host: 'bucket.localhost.evil.example' }],
  ['a page of another server of this machine', { ...fetched('cors'), Origin: 'http://localhost:3000' }],
  ['a page that stole the secret’s form, not the secret', { ...fetched('cors'), Authorization: 'Bearer local' }],
  [
    'a CORS preflight',
    { ...fetched('cors'), 'Access-Control-Request-Method': 'PUT', 'Access-Control-Request-Headers': 'authorization' },
  ],
  [
    'a WebSocket',
    {
      Origin: PAGE,
      'User-Agent': CHROME,
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    },
  ],
]

function fetched(mode: string): Marks {
  return { Origin: PAGE, 'User-Agent': CHROME, 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': mode }
}

function site(dest: string): Marks {
  return { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': dest }
}

/** A request with a browser's marks on it. */
export const fromPage = (request: RawRequest, marks: Marks): RawRequest => ({
  ...request,
  headers: { ...request.headers, ...marks },
})
