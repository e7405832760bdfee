/** Processes that train one model together: how they find each other, add what they have, and notice who is gone. */
package dev.zhulong.distribute;
