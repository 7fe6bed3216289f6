import { stageParameter } from '../../../shared/protocol/stage.ts'
import { type Item, failed, passed } from '../item.ts'

export const descriptionItem: Item = {
  name: 'description',
  pass: 'the parameter that describes the stage is readable, and of the version of this command',
  advice: 'deploy the stage again, with the command of this version',
  async look({ settings, millrace }) {
    const { app, stage, millrace: deployed } = await settings.description()
    const saw = `${stageParameter(app, stage)}, of version ${deployed}`
    return deployed === millrace ? passed(saw) : failed(`${saw}; this command is ${millrace}`)
  },
}
