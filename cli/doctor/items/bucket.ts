import { isMillraceError } from '../../../shared/errors.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import { encodeRecord } from '../../stage/runRecords.ts'
import { type Item, failed, passed } from '../item.ts'

const ENDPOINT = 'is AWS_ENDPOINT_URL set? Some stand-ins for S3 lack conditional requests, which learners rely on'

/** The bucket as learner and functions rely on it. */
export const bucketItems: readonly Item[] = [
  {
    name: 'bucket: creates once',
    pass: 'of two creations of one object, the second is refused (412)',
    advice: ENDPOINT,
    async look({ stage: { store }, name, startedAt }) {
      const marker = encodeRecord({ name, at: startedAt })
      await store.put(keys.doctor, marker, { ifAbsent: true })
      try {
        await store.put(keys.doctor, marker, { ifAbsent: true })
      } catch (error) {
        if (isMillraceError(error, 'E_STORE_PRECONDITION')) return passed('the second was refused')
        throw error
      }
      return failed('both were taken')
    },
  },
  {
    name: 'bucket: unchanged reads',
    pass: 'a read of what has not changed brings nothing (304)',
    advice: ENDPOINT,
    needs: ['bucket: creates once'],
    async look({ stage: { store } }) {
      const first = await store.get(keys.doctor)
      if (first.kind !== 'found') return failed('what was written is not there')
      const { kind } = await store.get(keys.doctor, { ifNoneMatch: first.etag })
      return kind === 'notModified' ? passed('not modified') : failed(`the second read was '${kind}'`)
    },
  },
  {
    name: 'bucket: private',
    pass: 'every form of public access is blocked',
    advice: 'deploy the stage again; if it stays, somebody changed the bucket by hand',
    async look({ settings }) {
      return (await settings.publicAccessBlocked())
        ? passed('all four are blocked')
        : failed('some public access is allowed')
    },
  },
]
