/**
 * Java sources as examples to learn from: methods beside the first sentence of their Javadoc. {@link dev.zhulong.recipe.javadoc.DocumentedMethod}
 * is the way in. What reads here is a scanner, not a compiler: it knows comments, literals and brackets, and takes nothing from a text whose
 * brackets do not match.
 */
package dev.zhulong.recipe.javadoc;
