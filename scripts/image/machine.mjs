// A clean Debian root, and programs run in it as in a container. To be used inside a mount and PID namespace of its own, which takes
// every mount and process with it when it ends.
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isIgnored } from './dockerfile.mjs'

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** Where a machine reaches registries only through a proxy, or with a certificate of its own, so does a build; nothing of it stays. */
const OF_THE_HOST = /^((http|https|no)_proxy|npm_config_registry|pip_index_url)$/i
const CERTIFICATES = '/run/host-certificates.crt'

/** Runs a program to its end. @throws Error with the end of what it wrote */
export function run(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  })
  if (error) throw error
  if (status === 0) return stdout
  const tail = `${stdout}${stderr}`.trimEnd().split('\n').slice(-25).join('\n')
  throw new Error(`${[command, ...args].join(' ').slice(0, 200)} ended with ${status}\n${tail}`)
}

/** Debian's suite of that name, as small as its slim image, in an empty folder. */
export function makeRoot(root, { suite, tool }) {
  const mirror = debianMirror()
  if (tool === 'mmdebstrap')
    run('mmdebstrap', ['--mode=root', '--variant=minbase', '--skip=check/empty', suite, root, mirror])
  else run('debootstrap', ['--variant=minbase', suite, root, mirror])
  for (const [source, to] of [
    ['/etc/resolv.conf', 'etc/resolv.conf'],
    ['/dev', 'dev'],
  ]) {
    if (!existsSync(join(root, to))) writeFileSync(join(root, to), '')
    run('mount', ['--rbind', source, join(root, to)])
  }
  run('mount', ['-t', 'proc', 'proc', join(root, 'proc')])
  const certificates = process.env['NODE_EXTRA_CA_CERTS']
  if (certificates) cpSync(certificates, join(root, CERTIFICATES))
}

/** Does one step of a Dockerfile in the root. */
export function doStep(step, { root, context, ignore }) {
  if (step.kind === 'WORKDIR') mkdirSync(join(root, step.folder), { recursive: true })
  else if (step.kind === 'COPY') copy(step, { root, context, ignore })
  else run(...inRoot(root, ['sh', '-c', step.command], { ...step, env: { ...hostVariables(), ...step.env } }))
}

function copy({ from, to }, { root, context, ignore }) {
  for (const source of from) {
    const path = source.replace(/\/$/, '')
    if (!existsSync(join(context, path))) throw new Error(`the context has no ${path}; npm run bundle makes dist`)
    const folder = source.endsWith('/')
    if (!folder && !to.endsWith('/')) throw new Error(`the check copies a file into a folder: COPY ${source} ${to}`)
    mkdirSync(dirname(join(root, to, 'x')), { recursive: true })
    let copied = 0
    cpSync(join(context, path), join(root, folder ? to : join(to, path)), {
      recursive: true,
      filter: (file) => {
        const kept = !isIgnored(ignore, file.slice(context.length + 1))
        copied += kept ? 1 : 0
        return kept
      },
    })
    if (copied === 0) throw new Error(`the ignore file keeps ${path} from the build`)
  }
}

/** Starts the container's program, as its user, with nothing of this process' environment but `env`; its first process is PID 1. */
export function startContainer(root, image, args, env = {}) {
  const command = [...image.command.entrypoint, ...(args ?? image.command.cmd)]
  const [program, inside] = inRoot(root, command, { ...image, env: { HOME: image.folder, ...image.env, ...env } })
  return spawn(
    'unshare',
    ['--pid', '--fork', '--kill-child=SIGKILL', `--mount-proc=${join(root, 'proc')}`, program, ...inside],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
}

/** @returns {[string, string[]]} */
function inRoot(root, command, { user, folder, env }) {
  const variables = Object.entries({ PATH, ...env }).map(([key, value]) => `${key}=${value}`)
  const as = user === 'root' ? [] : [`--userspec=${user}:${user}`]
  return ['chroot', [...as, root, 'env', '-i', `--chdir=${folder}`, ...variables, ...command]]
}

function hostVariables() {
  const kept = Object.entries(process.env).filter(([key]) => OF_THE_HOST.test(key))
  const certificates = process.env['NODE_EXTRA_CA_CERTS']
    ? ['NODE_EXTRA_CA_CERTS', 'PIP_CERT', 'SSL_CERT_FILE'].map((key) => [key, CERTIFICATES])
    : []
  return Object.fromEntries([...kept, ...certificates])
}

/** Debian's mirror that this machine's apt uses, where it is a Debian; else Debian's own. */
function debianMirror() {
  const file = '/etc/apt/sources.list.d/debian.sources'
  const own = existsSync(file) && /^URIs:\s*(\S+\/debian)\/?$/m.exec(readFileSync(file, 'utf8'))
  return own ? own[1] : 'http://deb.debian.org/debian'
}
