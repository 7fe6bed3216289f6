export interface DoctorOptions {
  readonly stage: string
  readonly json: boolean
}
