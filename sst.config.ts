/// <reference path="./.sst/platform/config.d.ts" />

// SST reads this file twice and allows no import at its top: first for `app`, then, with its globals, for `run`.
export default $config({
  async app() {
    const { default: settings } = await import('./millrace.settings.ts')
    return {
      name: settings.app,
      home: 'aws',
      removal: 'remove',
      providers: { aws: { region: settings.region } },
    }
  },
  async run() {
    const { default: settings } = await import('./millrace.settings.ts')
    const { Millrace } = await import('./infra/sst/index.ts')
    return new Millrace('Train', settings).outputs
  },
})
