/** As much XML as S3's wire protocol needs: writing elements, and reading flat ones without attributes. */

export const XML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
export const S3_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'

const SPECIAL = /[&<>"\r\n]/
const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#13;',
  '\n': '&#10;',
}

export function escapeXml(text: string): string {
  return SPECIAL.test(text) ? text.replace(/[&<>"\r\n]/g, (character) => ESCAPES[character] ?? character) : text
}

/** `<name>text</name>`, or nothing where there is no text to write. */
export function element(name: string, text: string | number | boolean | undefined): string {
  return text === undefined ? '' : `<${name}>${escapeXml(String(text))}</${name}>`
}

/** The inside of every `<name>…</name>`, in order. Elements of that name must not nest. */
export function elements(xml: string, name: string): string[] {
  const open = `<${name}>`
  const close = `</${name}>`
  const found: string[] = []
  for (let at = xml.indexOf(open); at >= 0;) {
    const end = xml.indexOf(close, at)
    if (end < 0) break
    found.push(xml.slice(at + open.length, end))
    at = xml.indexOf(open, end)
  }
  return found
}

/** The text of the first `<name>…</name>`, with its entities resolved. */
export function textOf(xml: string, name: string): string | undefined {
  const inside = elements(xml, name)[0]
  return inside === undefined ? undefined : unescapeXml(inside)
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function unescapeXml(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&(#x[0-9a-fA-F]+|#[0-9]+|[a-z]+);/g, (whole, name: string) => {
    if (!name.startsWith('#')) return NAMED[name] ?? whole
    const code = name.startsWith('#x') ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10)
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole
  })
}
