/**
 * Decoding constrained to a form: a regular expression or a JSON schema, as masks of the tokens that may come next.
 *
 * <p>An expression over characters becomes an automaton over characters ({@code TextAutomaton}), a schema a set of rules that call one
 * another ({@code Grammar}); both are spelled in bytes of UTF-8, since tokens are bytes and may end within a character. {@code Automaton}
 * follows the grammar and makes its states as they are needed, and finds the tokens that lead on by walking the vocabulary's tree of bytes
 * ({@code TokenTrie}) beside it. Places from which no end can be reached are cut off when the grammar is made, so that no state is a trap.
 */
package dev.zhulong.infer.constrain;
