package dev.zhulong.media;

/**
 * What a picture's header says, before anything is decoded.
 *
 * @param kind        of file
 * @param width       of the stored picture, in pixels; may be less than 1 where the header lies
 * @param height      likewise
 * @param orientation of EXIF (tag 274), 1 to 8: how the stored picture is to be turned; 1 where nothing is said
 */
public record PictureInfo(Kind kind, int width, int height, int orientation) {
    /** Kinds of files that are read, by their first bytes and never by their names. */
    public enum Kind { PNG, JPEG, GIF, BMP, TIFF, WEBP }

    /** Of the picture as it is seen. */
    public int seenWidth() {
        return orientation >= 5 ? height : width;
    }

    /** Of the picture as it is seen. */
    public int seenHeight() {
        return orientation >= 5 ? width : height;
    }
}
