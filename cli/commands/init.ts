export interface InitOptions {
  /** The new project's folder, as the user typed it. */
  readonly folder: string
  /** What package.json says of Millrace: a version, or a path of a package; by default this very installation. */
  readonly millrace?: string
}
