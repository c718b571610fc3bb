import { Controller, Get } from "@nestjs/common";
import { expect, test } from "vitest";
import { Handles, OwnProof } from "../http/handle.ts";
import { checkDeclared } from "./declared.ts";

// Decorators are applied by hand: what is tested is the check, not the compiler.
function controller(
  prefix: string,
  decorate: (prototype: object, name: string, descriptor: PropertyDescriptor) => void,
) {
  class Planted {
    answer(): void {}
  }
  const descriptor = Object.getOwnPropertyDescriptor(Planted.prototype, "answer");
  if (descriptor === undefined) throw new Error("no method");
  decorate(Planted.prototype, "answer", descriptor);
  Controller(prefix)(Planted);
  return Planted;
}

test("a handler of the route table is known by its route", () => {
  expect(checkDeclared([controller("", Handles("runGet"))])).toEqual(new Set(["runGet"]));
});

test("a handler without a route does not start", () => {
  expect(() => checkDeclared([controller("", Get("/api/v1/secret"))])).toThrow(
    expect.objectContaining({ code: "route_undeclared" }),
  );
});

test("a route has one handler", () => {
  expect(() => checkDeclared([controller("", Handles("runGet")), controller("", Handles("runGet"))])).toThrow(
    /has a handler already/,
  );
});

test("own proof is for the agents' paths alone", () => {
  const withProof = (path: string) => (prototype: object, name: string, descriptor: PropertyDescriptor) => {
    Get(path)(prototype, name, descriptor);
    OwnProof()(prototype, name, descriptor);
  };
  expect(() => checkDeclared([controller("/agent/v1", withProof("/nonce"))])).not.toThrow();
  expect(() => checkDeclared([controller("", withProof("/api/v1/open"))])).toThrow(/outside \/agent\/v1/);
});
