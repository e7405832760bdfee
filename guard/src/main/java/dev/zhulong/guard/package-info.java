/**
 * Rules for text that goes to a model and comes from it.
 *
 * <p>Text is folded as people read it ({@link dev.zhulong.guard.Folding}) and looked through once, for words (Aho–Corasick) and patterns (automata, in linear
 * time). What is found becomes a {@link dev.zhulong.guard.Match}, and Drools rules, written in DRL or in the plain YAML that
 * {@link dev.zhulong.guard.Policy} reads, decide what is done about it. A {@link dev.zhulong.guard.GuardedStream} does so while text comes: it lets go
 * of nothing that what follows could still make part of a match.
 */
package dev.zhulong.guard;
