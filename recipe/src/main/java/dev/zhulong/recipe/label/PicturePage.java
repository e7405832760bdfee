package dev.zhulong.recipe.label;

import dev.zhulong.media.Picture;
import dev.zhulong.media.Resampling;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import javax.imageio.ImageIO;

/** A page about how pictures were told apart: the scores, which classes were taken for which, and the pictures that it was surest and wrong about. It needs no other file. */
public final class PicturePage {
    /** Pixels of the longer side of a picture on the page. */
    private static final int SIDE = 96;

    /**
     * A picture whose class was not found.
     *
     * @param said        in place of its own
     * @param probability of what was said
     */
    public record Mistake(String file, Picture picture, String label, String said, double probability) {}

    private PicturePage() {}

    /** The page. @param title in plain text */
    public static String of(String title, PictureScores scores, List<Mistake> mistakes) {
        var page = new StringBuilder("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>").append(escape(title)).append("</title>\n<style>")
                .append("body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em}table{border-collapse:collapse}td,th{padding:.2em .6em;text-align:right}")
                .append("th{font-weight:600}figure{display:inline-block;margin:.5em;width:130px;vertical-align:top;font-size:13px}figcaption{overflow-wrap:anywhere}</style></head><body>\n<h1>")
                .append(escape(title)).append("</h1>\n<p>").append(escape(scores.scores().line())).append(String.format(Locale.ROOT, "; over %,d held-out pictures</p>%n", scores.scores().count()));
        table(scores, page);
        page.append("<h2>Mistakes</h2>\n<p>").append(mistakes.isEmpty() ? "None." : "Those that were the surest, with the class that was said, its probability, and their own.").append("</p>\n");
        for (Mistake mistake : mistakes) {
            page.append("<figure><img alt=\"\" src=\"data:image/png;base64,").append(Base64.getEncoder().encodeToString(png(mistake.picture))).append("\"><figcaption>")
                    .append(escape(String.format(Locale.ROOT, "%s (%.2f), is %s", mistake.said, mistake.probability, mistake.label))).append("<br>").append(escape(mistake.file))
                    .append("</figcaption></figure>\n");
        }
        return page.append("</body></html>\n").toString();
    }

    /** Rows are what pictures are, columns what was said; the darker the more of its row. */
    private static void table(PictureScores scores, StringBuilder page) {
        page.append("<h2>Taken for</h2>\n<table><tr><th></th>");
        scores.labels().forEach(label -> page.append("<th>").append(escape(label)).append("</th>"));
        page.append("</tr>\n");
        for (int row = 0; row < scores.confusion().length; row++) {
            long all = 0;
            for (long count : scores.confusion()[row]) {
                all += count;
            }
            page.append("<tr><th>").append(escape(scores.labels().get(row))).append("</th>");
            for (int column = 0; column < scores.confusion().length; column++) {
                long count = scores.confusion()[row][column];
                page.append(String.format(Locale.ROOT, "<td style=\"background:rgba(%s,%.2f)\">%,d</td>", row == column ? "40,150,80" : "200,60,40", all == 0 ? 0 : 0.8 * count / all, count));
            }
            page.append("</tr>\n");
        }
        page.append("</table>\n");
    }

    private static byte[] png(Picture picture) {
        double scale = Math.min(1, (double) SIDE / Math.max(picture.width(), picture.height()));
        Picture small = Resampling.BICUBIC.resize(picture, Math.max(1, (int) (picture.width() * scale)), Math.max(1, (int) (picture.height() * scale)));
        var image = new BufferedImage(small.width(), small.height(), BufferedImage.TYPE_INT_RGB);
        byte[] rgb = small.rgb();
        for (int i = 0; i < small.width() * small.height(); i++) {
            image.setRGB(i % small.width(), i / small.width(), (rgb[3 * i] & 0xff) << 16 | (rgb[3 * i + 1] & 0xff) << 8 | rgb[3 * i + 2] & 0xff);
        }
        var bytes = new ByteArrayOutputStream();
        try {
            ImageIO.write(image, "png", bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    private static String escape(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;");
    }
}
