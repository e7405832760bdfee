/** Networks that see pictures, used as they are: classes and vectors of files, and the classes that texts name. */
package dev.zhulong.infer.picture;
