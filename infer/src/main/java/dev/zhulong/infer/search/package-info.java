/** Texts searched for rather than drawn: beams and the rules for what may follow, over any model that says what is likely next. */
package dev.zhulong.infer.search;
