package symbol

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"strconv"
)

// load reads a PNG or JPEG picture within the limits and gives its grey values.
func load(picture io.Reader) (gray, error) {
	file, err := io.ReadAll(io.LimitReader(picture, pictureBytesMax+1))
	if err != nil {
		return gray{}, fmt.Errorf("symbol: cannot read picture: %w", err)
	}
	if len(file) > pictureBytesMax {
		return gray{}, fail(CodePictureTooLarge, "more bytes", strconv.Itoa(pictureBytesMax)+" bytes or fewer")
	}
	decoded, err := unpack(file)
	if err != nil {
		return gray{}, err
	}
	return newGray(decoded), nil
}

// unpack looks at the header alone before it takes memory for pixels. The two formats are
// called by name: image.Decode would take whatever else a program has registered.
func unpack(file []byte) (image.Image, error) {
	config, decode := png.DecodeConfig, png.Decode
	if bytes.HasPrefix(file, []byte{0xFF, 0xD8}) {
		config, decode = jpeg.DecodeConfig, jpeg.Decode
		// A marker's bytes do not occur among entropy-coded ones, where 0xFF is followed by 0.
		if scans := bytes.Count(file, []byte{0xFF, 0xDA}); scans > scansMax {
			return nil, fail(CodePictureTooLarge, strconv.Itoa(scans)+" scans", strconv.Itoa(scansMax)+" or fewer")
		}
	}
	header, err := config(bytes.NewReader(file))
	if err != nil {
		return nil, bad(err)
	}
	if header.Width < 1 || header.Height < 1 {
		return nil, fail(CodePictureBad, "no pixels", "a picture with pixels")
	}
	if header.Width > pixelsMax/header.Height {
		return nil, fail(CodePictureTooLarge, fmt.Sprintf("%d × %d pixels", header.Width, header.Height),
			strconv.Itoa(pixelsMax)+" pixels or fewer")
	}
	decoded, err := decode(bytes.NewReader(file))
	if err != nil {
		return nil, bad(err)
	}
	return decoded, nil
}

func bad(cause error) error {
	return fail(CodePictureBad, cause.Error(), "a whole PNG or JPEG picture")
}
