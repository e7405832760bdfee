/** Rows that say what is right: texts with classes, words with tags, questions with their answers in a context; and the labels they use. */
package dev.zhulong.data.label;
