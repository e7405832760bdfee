/** What every other package of this module speaks of: a text with its origin, and a rule over it. */
package dev.zhulong.data.document;
