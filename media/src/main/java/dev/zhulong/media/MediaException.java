package dev.zhulong.media;

/** A picture or recording that cannot be read, or is larger than allowed; the message is one line: its name and what is wrong. */
public final class MediaException extends RuntimeException {
    /** Says {@code what} is wrong with what is called {@code name}. */
    public MediaException(String name, String what) {
        this(name, what, null);
    }

    /** Says {@code what} is wrong with what is called {@code name}, and why. */
    public MediaException(String name, String what, Throwable cause) {
        super(name + ": " + what, cause);
    }
}
