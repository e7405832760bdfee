/** Entities as tags of tokens spell them. */
package dev.zhulong.text.tags;
