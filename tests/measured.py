"""Images as instruments write them, for tests: headers after the published conventions, pixels by fabio."""

import numpy as np

#: PILATUS 300K-W: three modules side by side, 7 pixels between them.
SHAPE = (195, 1475)
BEAM_XY, DISTANCE, PIXEL, WAVELENGTH = (731.25, 98.5), 0.1234, 172e-6, 0.97918

MINI = """
# Detector: PILATUS 300K-W, S/N 3-0112
# 2024-03-05T10:11:12.345
# Pixel_size 172e-6 m x 172e-6 m
# Silicon sensor, thickness 0.000320 m
# Exposure_time 0.0967 s
# Exposure_period 0.1000 s
# Tau = 199.1e-09 s
# Count_cutoff 126634 counts
# Threshold_setting: 6330 eV
# Gain_setting: mid gain (vrf = -0.200)
# N_excluded_pixels = 3
# Wavelength 0.97918 A
# Detector_distance 0.12340 m
# Beam_xy (731.25, 98.50) pixels
# Flux 0.000000
# Filter_transmission 1.0000
# Start_angle 30.5000 deg.
# Angle_increment 0.2500 deg.
# Detector_2theta 0.0000 deg.
# Polarization 0.990
# Phi 30.5000 deg.
# Oscillation_axis X.CW
"""

IMGCIF = """
_diffrn.id DS1
_diffrn_source.diffrn_id DS1
_diffrn_source.source synchrotron
_diffrn_source.type 'a beamline'
loop_
_diffrn_radiation.diffrn_id
_diffrn_radiation.wavelength_id
_diffrn_radiation.monochromator
_diffrn_radiation.polarizn_source_ratio
_diffrn_radiation.polarizn_source_norm
DS1 WAVELENGTH1 'Si 111' 0.8 20.0
loop_
_diffrn_radiation_wavelength.id
_diffrn_radiation_wavelength.wavelength
_diffrn_radiation_wavelength.wt
WAVELENGTH1 0.97918 1.0
loop_
_diffrn_detector.diffrn_id
_diffrn_detector.id
_diffrn_detector.type
_diffrn_detector.number_of_axes
DS1 DETECTOR PAD 2
loop_
_diffrn_detector_axis.detector_id
_diffrn_detector_axis.axis_id
DETECTOR DETECTOR_2THETA
DETECTOR DETECTOR_Z
loop_
_diffrn_detector_element.id
_diffrn_detector_element.detector_id
ELEMENT1 DETECTOR
loop_
_diffrn_data_frame.id
_diffrn_data_frame.detector_element_id
_diffrn_data_frame.array_id
_diffrn_data_frame.binary_id
FRAME1 ELEMENT1 ARRAY1 1
loop_
_diffrn_measurement.diffrn_id
_diffrn_measurement.id
_diffrn_measurement.number_of_axes
_diffrn_measurement.method
DS1 GONIOMETER 1 omega
loop_
_diffrn_measurement_axis.measurement_id
_diffrn_measurement_axis.axis_id
GONIOMETER OMEGA
loop_
_diffrn_scan.id
_diffrn_scan.frame_id_start
_diffrn_scan.frame_id_end
_diffrn_scan.frames
SCAN1 FRAME1 FRAME1 1
loop_
_diffrn_scan_axis.scan_id
_diffrn_scan_axis.axis_id
_diffrn_scan_axis.angle_start
_diffrn_scan_axis.angle_range
_diffrn_scan_axis.angle_increment
_diffrn_scan_axis.displacement_start
_diffrn_scan_axis.displacement_range
_diffrn_scan_axis.displacement_increment
SCAN1 OMEGA 30.0 0.25 0.25 0.0 0.0 0.0
SCAN1 DETECTOR_2THETA 10.0 0.0 0.0 0.0 0.0 0.0
SCAN1 DETECTOR_Z 0.0 0.0 0.0 123.4 0.0 0.0
loop_
_diffrn_scan_frame.frame_id
_diffrn_scan_frame.frame_number
_diffrn_scan_frame.integration_time
_diffrn_scan_frame.scan_id
_diffrn_scan_frame.date
FRAME1 1 0.1 SCAN1 2024-03-05T10:11:12
loop_
_diffrn_scan_frame_axis.frame_id
_diffrn_scan_frame_axis.axis_id
_diffrn_scan_frame_axis.angle
_diffrn_scan_frame_axis.displacement
FRAME1 OMEGA 30.5 0.0
FRAME1 DETECTOR_2THETA 10.0 0.0
FRAME1 DETECTOR_Z 0.0 123.4
loop_
_axis.id
_axis.type
_axis.equipment
_axis.depends_on
_axis.vector[1]
_axis.vector[2]
_axis.vector[3]
_axis.offset[1]
_axis.offset[2]
_axis.offset[3]
OMEGA rotation goniometer . 1 0 0 . . .
SOURCE general source . 0 0 1 . . .
GRAVITY general gravity . 0 -1 0 . . .
DETECTOR_2THETA rotation detector . 0 1 0 0 0 0
DETECTOR_Z translation detector DETECTOR_2THETA 0 0 -1 0 0 0
ELEMENT_Y translation detector DETECTOR_Z 0 -1 0 0 0 0
ELEMENT_X translation detector ELEMENT_Y 1 0 0 -125.775 16.942 0
loop_
_array_structure.id
_array_structure.encoding_type
_array_structure.compression_type
_array_structure.byte_order
ARRAY1 "signed 32-bit integer" byte_offsets little_endian
loop_
_array_structure_list.array_id
_array_structure_list.index
_array_structure_list.dimension
_array_structure_list.precedence
_array_structure_list.direction
_array_structure_list.axis_set_id
ARRAY1 1 1475 1 increasing ELEMENT_X
ARRAY1 2 195 2 increasing ELEMENT_Y
loop_
_array_structure_list_axis.axis_set_id
_array_structure_list_axis.axis_id
_array_structure_list_axis.displacement
_array_structure_list_axis.displacement_increment
ELEMENT_X ELEMENT_X 0.0 0.172
ELEMENT_Y ELEMENT_Y 0.0 0.172
loop_
_array_intensities.array_id
_array_intensities.binary_id
_array_intensities.linearity
_array_intensities.gain
_array_intensities.overload
_array_intensities.undefined_value
ARRAY1 1 linear 1.0 126634 -1
"""


def pixels():
    """Counts, -1 in the gaps and -2 in a broken pixel."""
    counts = np.random.default_rng(5).poisson(3.0, SHAPE).astype(np.int32)
    counts[:, 487:494] = counts[:, 981:988] = -1
    counts[11, 22] = -2
    return counts


def cbf(path, mini=None, imgcif=None):
    """CBF with one of the two headers."""
    from fabio.cbfimage import CbfImage

    CbfImage(data=pixels()).write(str(path))
    content = path.read_bytes()
    section = content.index(b"--CIF-BINARY-FORMAT-SECTION--")
    if mini is not None:
        about = f'_array_data.header_convention "PILATUS_1.2"\n_array_data.header_contents\n;{mini};\n\n'
        about += "_array_data.data\n;\n"
    else:
        about = f"{imgcif}loop_\n_array_data.array_id\n_array_data.binary_id\n_array_data.data\nARRAY1 1\n;\n"
    path.write_bytes(f"###CBF: VERSION 1.5\n\ndata_image_00001\n\n{about}".encode() + content[section:])
    return path


ADSC = {
    "DIM": "2", "BYTE_ORDER": "little_endian", "TYPE": "unsigned_short", "PIXEL_SIZE": "0.102400", "BIN": "2x2",
    "BIN_TYPE": "HW", "ADC": "fast", "CREV": "1", "BEAMLINE": "8.3.1", "DETECTOR_SN": "999",
    "DATE": "Tue Mar 05 10:11:12 2024", "TIME": "1.00", "DISTANCE": "250.000", "TWOTHETA": "0.00",
    "PHI": "30.500", "OSC_START": "30.500", "OSC_RANGE": "0.250", "WAVELENGTH": "0.979180",
    "BEAM_CENTER_X": "7.900", "BEAM_CENTER_Y": "10.350", "DENZO_X_BEAM": "8.100", "DENZO_Y_BEAM": "10.200",
    "UNIF_PED": "1500", "IMAGE_PEDESTAL": "40", "CCD_IMAGE_SATURATION": "65535",
}  # fmt: skip


def smv(path, shape=(160, 200), **changes):
    """SMV of an ADSC detector; fields of None are left out."""
    fields = {**ADSC, "SIZE1": shape[1], "SIZE2": shape[0], **changes}
    lines = "".join(f"{key}={value};\n" for key, value in fields.items() if value is not None)
    header = f"{{\nHEADER_BYTES= 1024;\n{lines}}}\n\f".ljust(1024).encode()
    path.write_bytes(header + np.full(shape, 40, "<u2").tobytes())
    return path
