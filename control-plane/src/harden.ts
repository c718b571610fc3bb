// Imported first of all: nothing may add a property to a built-in prototype from here on, so that a polluted prototype
// is an error where it happens and not a credential somewhere else. Freezing them, or --frozen-intrinsics, breaks rxjs
// and ipaddr.js at import; preventing extensions does not.
for (const builtIn of [
  Object,
  Array,
  Function,
  String,
  Number,
  Boolean,
  BigInt,
  Symbol,
  Date,
  RegExp,
  Map,
  Set,
  WeakMap,
  WeakSet,
  Promise,
  Error,
  ArrayBuffer,
  Uint8Array,
]) {
  void Object.preventExtensions(builtIn.prototype);
}
