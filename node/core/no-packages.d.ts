// tsconfig.json maps every package name to this empty module. Without it an import of a package that has types
// would succeed here, and bring the types of Node.js with it: timers and Buffer would then compile in the core.
export type NoPackageIsKnownToTheCore = never;
