/// <reference path="./.sst/platform/config.d.ts" />

export default $config({
  async app() {
    const { default: settings } = await import('./millrace.settings.ts')
    return { name: settings.app, home: 'aws', removal: 'remove', providers: { aws: { region: settings.region } } }
  },
  async run() {
    const { Millrace } = await import('millrace/sst')
    const { default: settings } = await import('./millrace.settings.ts')
    return new Millrace('Train', settings).outputs
  },
})
