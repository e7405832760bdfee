package dev.zhulong.media;

import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.io.IOException;
import javax.imageio.ImageReader;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

/** The first picture of a GIF file, where it lies on the screen that the file describes. */
final class GifCanvas {
    private GifCanvas() {}

    static Picture read(ImageReader reader, PictureInfo info) throws IOException {
        BufferedImage image = reader.read(0);
        Node tree = reader.getImageMetadata(0).getAsTree("javax_imageio_gif_image_1.0");
        Element place = child(tree, "ImageDescriptor");
        Element control = child(tree, "GraphicControlExtension");
        int left = Integer.parseInt(place.getAttribute("imageLeftPosition"));
        int top = Integer.parseInt(place.getAttribute("imageTopPosition"));
        Picture frame = Samples.picture(image);
        if (left == 0 && top == 0 && frame.width() == info.width() && frame.height() == info.height()) {
            return frame;
        }
        // what no frame covers has the transparent colour, or the first of the palette
        IndexColorModel palette = (IndexColorModel) image.getColorModel();
        boolean transparent = control != null && Boolean.parseBoolean(control.getAttribute("transparentColorFlag"));
        int index = transparent ? Integer.parseInt(control.getAttribute("transparentColorIndex")) : 0;
        int colour = index < palette.getMapSize() ? palette.getRGB(index) : 0;
        byte[] rgb = new byte[3 * info.width() * info.height()];
        for (int i = 0; i < rgb.length; i += 3) {
            rgb[i] = (byte) (colour >> 16);
            rgb[i + 1] = (byte) (colour >> 8);
            rgb[i + 2] = (byte) colour;
        }
        for (int y = 0; y < frame.height(); y++) {
            System.arraycopy(frame.rgb(), 3 * y * frame.width(), rgb, 3 * ((top + y) * info.width() + left), 3 * frame.width());
        }
        return new Picture(info.width(), info.height(), rgb);
    }

    private static Element child(Node tree, String name) {
        for (Node node = tree.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node.getNodeName().equals(name)) {
                return (Element) node;
            }
        }
        return null;
    }
}
