package dev.zhulong.media;

import com.twelvemonkeys.imageio.plugins.webp.WebPImageReaderSpi;
import dev.zhulong.media.PictureInfo.Kind;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import javax.imageio.ImageReader;
import javax.imageio.spi.IIORegistry;
import javax.imageio.spi.ImageReaderSpi;
import javax.imageio.stream.MemoryCacheImageInputStream;

/**
 * Pictures from files: what Pillow's {@code ImageOps.exif_transpose(Image.open(file)).convert("RGB")} gives. Profiles of colour are ignored, transparency is
 * dropped, samples of 16 bits lose their lower half (in grey pictures what is above 255 becomes 255), and of moving pictures the first is taken.
 */
public final class PictureReader {
    private final MediaLimits limits;

    /** A reader of pictures up to {@code limits}. */
    public PictureReader(MediaLimits limits) {
        this.limits = limits;
    }

    /**
     * What a picture is and how large, by its header alone.
     *
     * @param name what the picture is called in errors
     * @throws MediaException if it is no picture that can be read, or a larger one than allowed
     */
    public PictureInfo info(String name, byte[] file) {
        limits.checkBytes(name, file.length);
        PictureInfo info = new PictureHeader(name, file).read();
        limits.check(name, info);
        return info;
    }

    /**
     * The picture, turned as its EXIF data say.
     *
     * @throws MediaException if it cannot be read or is larger than allowed
     */
    public Picture read(String name, byte[] file) {
        PictureInfo info = info(name, file);
        try {
            return decoded(name, file, info).oriented(info.orientation());
        } catch (IOException | RuntimeException e) {
            if (e instanceof MediaException known) {
                throw known;
            }
            // what decoders say to a damaged file is theirs; which of their exceptions it is, is as good as chance
            throw new MediaException(name, "this %s picture is damaged or of a kind that is not read: %s".formatted(info.kind(), said(e)), e);
        }
    }

    /** The picture of a file. */
    public Picture read(Path file) {
        try {
            limits.checkBytes(file.toString(), Files.size(file));
            return read(file.toString(), Files.readAllBytes(file));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String said(Exception e) {
        String message = e.getMessage();
        return message == null ? e.getClass().getSimpleName() : message.lines().findFirst().orElse("").strip();
    }

    private Picture decoded(String name, byte[] file, PictureInfo info) throws IOException {
        ImageReader reader = info.kind() == Kind.WEBP ? new WebPImageReaderSpi().createReaderInstance(null) : readerOfTheJdk(info.kind());
        try (var in = new MemoryCacheImageInputStream(new ByteArrayInputStream(file))) {
            // texts and profiles, which may be inflated without end, are passed over
            reader.setInput(in, false, info.kind() != Kind.GIF);
            // a file inside the file, or a decoder of another mind than the header
            limits.check(name, new PictureInfo(info.kind(), reader.getWidth(0), reader.getHeight(0), 1));
            return switch (info.kind()) {
                case JPEG -> JpegSamples.read(reader, file);
                case GIF -> GifCanvas.read(reader, info);
                case TIFF -> TiffSamples.read(name, reader, file, limits);
                default -> Samples.picture(reader.read(0));
            };
        } finally {
            reader.dispose();
        }
    }

    /** Not what else is on the class path, whose pixels may be others. */
    private static ImageReader readerOfTheJdk(Kind kind) throws IOException {
        Iterator<ImageReaderSpi> all = IIORegistry.getDefaultInstance().getServiceProviders(ImageReaderSpi.class, false);
        while (all.hasNext()) {
            ImageReaderSpi provider = all.next();
            if (provider.getClass().getModule() == BufferedImage.class.getModule()) {
                for (String format : provider.getFormatNames()) {
                    if (format.equalsIgnoreCase(kind.name())) {
                        return provider.createReaderInstance();
                    }
                }
            }
        }
        throw new IllegalStateException("this JDK has no reader of " + kind + " in its module java.desktop");
    }
}
